"""v1's ``azureml.core.runconfig``: what to run where, and its ``.runconfig`` file."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from amlflow.core.project.config_json import FOLDER
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment import DEFAULT_NAME, Environment
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException
from amlflow.whole_files import write_text

SUFFIX = ".runconfig"
_FOLDERS = (FOLDER, "aml_config", "")


@dataclass
class DockerConfiguration(Settings):
    """Whether the script runs in a container, and how."""

    use_docker: bool = False
    shared_volumes: bool = True
    arguments: list[str] = field(default_factory=list)
    shm_size: str | None = None


class RunConfiguration(Settings):
    """A script or command, its arguments, target, environment and environment variables.

    Source: ``azureml.core.RunConfiguration`` 1.61; names are v1's. What a ``.runconfig`` file holds
    beyond them is kept and written back.
    """

    script: str | None
    arguments: list[Any]
    command: str | list[str] | None
    framework: str
    communicator: str | None
    node_count: int
    max_run_duration_seconds: float | None
    environment: Environment
    environment_variables: dict[str, str]
    docker: DockerConfiguration

    def __init__(
        self,
        script: str | None = None,
        arguments: list[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: Any = None,
        _history_enabled: bool | None = None,
        _path: str | None = None,
        _name: str | None = None,
        command: str | list[str] | None = None,
    ) -> None:
        self._content: dict[str, Any] = {}
        self._target = "local"
        self.script = script
        self.arguments = list(arguments or [])
        self.command = command
        self.framework = framework or "Python"
        self.communicator = communicator
        self.node_count = 1
        self.max_run_duration_seconds = None
        self.environment = Environment(DEFAULT_NAME)
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self.environment_variables = {}
        self.docker = DockerConfiguration()

    @property
    def target(self) -> str:
        """The name of the compute target; a compute target may be assigned, too."""
        return self._target

    @target.setter
    def target(self, value: Any) -> None:
        self._target = getattr(value, "name", None) or str(value)

    # the file

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read ``<path>/.azureml/<name>.runconfig``, or the file ``path`` itself without a name.

        Raises:
            UserErrorException: the file does not exist, or is not a run configuration.
        """
        file = _find(Path(path), name)
        content = _yaml(file)
        config = RunConfiguration()
        config._content = content
        _read_fields(config, _Section(content, str(file)))
        return config

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> None:
        """Write ``<path>/.azureml/<name>.runconfig``; ``name`` is the target's if left out."""
        import yaml  # takes long to import, and few scripts read or write such a file

        if separate_environment_yaml:
            raise UserErrorException(
                "save(separate_environment_yaml=True): amlflow keeps the environment within the "
                ".runconfig file; leave it out."
            )
        content = _merge(self._content, _to_content(self))
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        file_name = f"{(name or self.target).removesuffix(SUFFIX)}{SUFFIX}"
        folder = Path(path or ".") / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / file_name, text)

    @staticmethod
    def delete(path: str | os.PathLike[str], name: str) -> None:
        """Remove a configuration's file."""
        _find(Path(path), name).unlink()

    def __repr__(self) -> str:
        return (
            f"RunConfiguration(script={self.script!r}, target={self.target!r}, "
            f"environment={self.environment.name!r})"
        )


class _Section:
    """A mapping in the file, whose entries have types."""

    def __init__(self, content: Any, where: str) -> None:
        if content is not None and not isinstance(content, dict):
            raise UserErrorException(f"{where} is a mapping of keys to values, not {content!r}.")
        self.content: dict[str, Any] = content or {}
        self._where = where

    def section(self, key: str) -> _Section:
        return _Section(self.content.get(key), f"{self._where}: {key}")

    def text(self, key: str) -> str | None:
        value = self.content.get(key)
        return None if value is None else str(value)

    def list(self, key: str) -> list[Any]:
        value = self.content.get(key) or []
        if not isinstance(value, list):
            raise UserErrorException(f"{self._where}: {key} is a list, not {value!r}.")
        return list(value)

    def texts(self, key: str) -> dict[str, str]:
        return {name: str(value) for name, value in self.section(key).content.items()}

    def value(self, key: str) -> Any:
        return self.content.get(key)

    def flag(self, key: str) -> bool:
        return bool(self.content.get(key))

    def number(self, key: str) -> int:
        return int(self.content.get(key) or 0)

    def packages(self, key: str) -> CondaDependencies | None:
        content = self.section(key).content
        return CondaDependencies(_underlying_structure=content) if content else None


@dataclass(frozen=True, slots=True)
class _Type:
    """How a value is read from the file, written to it, and shown in a run's definition."""

    read: Callable[[_Section, str], Any]
    write: Callable[[Any], Any] = copy.copy
    show: Callable[[Any], Any] = copy.copy


_LEFT_OUT = object()
"""Written for a value that changes nothing of the file."""


def _write_packages(packages: CondaDependencies) -> Any:
    return packages.as_dict() if packages.names_packages() else _LEFT_OUT


_TEXT = _Type(_Section.text)
_LIST = _Type(_Section.list)
_TEXTS = _Type(_Section.texts)
_VALUE = _Type(_Section.value)
_COMMAND = _Type(_Section.value, lambda command: command or "")
_FLAG = _Type(_Section.flag)
_NUMBER = _Type(_Section.number)
_PACKAGES = _Type(_Section.packages, _write_packages, CondaDependencies.without_secrets)

_FIELDS = (
    ("script", "script", _TEXT),
    ("arguments", "arguments", _LIST),
    ("command", "command", _COMMAND),
    ("target", "target", _TEXT),
    ("framework", "framework", _TEXT),
    ("communicator", "communicator", _TEXT),
    ("max_run_duration_seconds", "maxRunDurationSeconds", _VALUE),
    ("node_count", "nodeCount", _NUMBER),
    ("environment.name", "environment.name", _TEXT),
    ("environment.environment_variables", "environment.environmentVariables", _TEXTS),
    ("environment.python.user_managed_dependencies",
     "environment.python.userManagedDependencies", _FLAG),
    ("environment.python.interpreter_path", "environment.python.interpreterPath", _TEXT),
    ("environment.python.conda_dependencies_file",
     "environment.python.condaDependenciesFile", _TEXT),
    ("environment.python.conda_dependencies", "environment.python.condaDependencies", _PACKAGES),
    ("environment.docker.enabled", "environment.docker.enabled", _FLAG),
    ("environment.docker.base_image", "environment.docker.baseImage", _TEXT),
    ("environment.docker.arguments", "environment.docker.arguments", _LIST),
    ("environment.docker.shm_size", "environment.docker.shmSize", _TEXT),
    ("docker.use_docker", "docker.useDocker", _FLAG),
    ("docker.arguments", "docker.arguments", _LIST),
    ("docker.shm_size", "docker.shmSize", _TEXT),
    ("environment_variables", "environmentVariables", _TEXTS),
)  # fmt: skip
"""Each setting by its attribute, its key in the file and its type."""
_IN_DEFINITION = frozenset({
    "framework", "maxRunDurationSeconds", "environment.name",
    "environment.python.interpreterPath", "environment.python.userManagedDependencies",
    "environment.python.condaDependencies", "environment.docker.baseImage",
})  # fmt: skip
"""The keys that a run's definition has as the configuration says them."""


def _read_fields(config: RunConfiguration, content: _Section) -> None:
    """Take what the file has; what it lacks, or leaves empty, stays as in a new configuration."""
    for attribute, key, kind in _FIELDS:
        *sections, name = key.split(".")
        section = content
        for part in sections:
            section = section.section(part)
        value = kind.read(section, name)
        if value:
            owner, _, member = attribute.rpartition(".")
            setattr(attrgetter(owner)(config) if owner else config, member, value)


def _to_content(config: RunConfiguration) -> dict[str, Any]:
    """All settings as the file has them."""
    values = {key: kind.write(attrgetter(path)(config)) for path, key, kind in _FIELDS}
    return _nest({key: value for key, value in values.items() if value is not _LEFT_OUT})


def defined_settings(config: RunConfiguration) -> dict[str, Any]:
    """What a run's definition has as the configuration says it, without secrets."""
    return _nest(
        {
            key: kind.show(attrgetter(path)(config))
            for path, key, kind in _FIELDS
            if key in _IN_DEFINITION
        }
    )


def _nest(values: dict[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        section = result
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    return result


def _find(path: Path, name: str | None) -> Path:
    if name is None:
        if path.is_file():
            return path
        raise UserErrorException(
            f"{str(path)!r} is not a file to load a run configuration from; "
            "give the folder and the configuration's name."
        )
    stem = name.removesuffix(SUFFIX)
    files = [path / folder / name for folder in _FOLDERS for name in (f"{stem}{SUFFIX}", stem)]
    for file in files:
        if file.is_file():
            return file
    names = sorted(file.stem for file in (path / FOLDER).glob(f"*{SUFFIX}"))
    raise UserErrorException(
        f"Run configuration {name!r} does not exist at {str(path)!r}: no file "
        f"{os.path.join(FOLDER, stem + SUFFIX)!r}. Those that are there: "
        f"{', '.join(names) or 'none'}."
    )


def _yaml(path: Path) -> dict[str, Any]:
    import yaml  # takes long to import, and few scripts read or write such a file

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserErrorException(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserErrorException(f"{path} is a mapping of keys to values, and this is none.")
    return content


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(old)
    for key, value in new.items():
        if (
            isinstance(value, dict)
            and isinstance(result.get(key), dict)
            and not key.endswith("Variables")
        ):
            result[key] = _merge(result[key], value)
        elif value is not None or key in result:
            result[key] = value
    return result
