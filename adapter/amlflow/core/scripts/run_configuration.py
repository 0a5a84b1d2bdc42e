"""v1's ``azureml.core.runconfig``: what to run where, and its ``.runconfig`` file."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlflow.core.project.config_json import FOLDER
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment import DEFAULT_NAME, DEFAULT_PYTHON, Environment
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

    _KNOWN = (
        "script", "arguments", "command", "framework", "communicator", "node_count", "target",
        "max_run_duration_seconds", "environment", "environment_variables", "docker",
    )  # fmt: skip

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
        self.arguments: list[Any] = list(arguments or [])
        self.command = command
        self.framework = framework or "Python"
        self.communicator = communicator
        self.node_count = 1
        self.max_run_duration_seconds: float | None = None
        self.environment = Environment(DEFAULT_NAME)
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self.environment_variables: dict[str, str] = {}
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
        found = _find(Path(path), name)
        content = _yaml(found)
        config = RunConfiguration()
        config._content = content
        config._take(content, found)
        return config

    def _take(self, content: dict[str, Any], path: Path) -> None:
        known = _Section(content, str(path))
        self.script = known.text("script")
        self.arguments = known.list("arguments")
        self.command = content.get("command") or None
        self.target = known.text("target") or "local"
        self.framework = known.text("framework") or "Python"
        self.communicator = known.text("communicator")
        self.node_count = int(content.get("nodeCount") or 1)
        self.max_run_duration_seconds = content.get("maxRunDurationSeconds")
        self.environment_variables = known.texts("environmentVariables")
        environment = known.section("environment")
        self.environment.name = environment.text("name") or DEFAULT_NAME
        self.environment.environment_variables = environment.texts("environmentVariables")
        python = environment.section("python")
        self.environment.python.interpreter_path = python.text("interpreterPath") or DEFAULT_PYTHON
        self.environment.python.user_managed_dependencies = bool(
            python.content.get("userManagedDependencies")
        )
        self.environment.python.conda_dependencies_file = python.text("condaDependenciesFile")
        packages = python.section("condaDependencies").content
        if packages:
            self.environment.python.conda_dependencies = CondaDependencies(
                _underlying_structure=packages
            )
        section = environment.section("docker")
        self.environment.docker.enabled = bool(section.content.get("enabled"))
        self.environment.docker.base_image = section.text("baseImage")
        self.environment.docker.arguments = section.list("arguments")
        self.environment.docker.shm_size = section.text("shmSize")
        docker = known.section("docker")
        self.docker.use_docker = bool(docker.content.get("useDocker"))
        self.docker.arguments = docker.list("arguments")
        self.docker.shm_size = docker.text("shmSize")

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
        text = yaml.safe_dump(self._written(), sort_keys=False, allow_unicode=True)
        file_name = f"{(name or self.target).removesuffix(SUFFIX)}{SUFFIX}"
        folder = Path(path or ".") / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / file_name, text)

    def _written(self) -> dict[str, Any]:
        """The file's content with what is known here in its place, and the rest as it was."""
        environment, python = self.environment, self.environment.python
        packages = python.conda_dependencies
        stated = {
            "script": self.script,
            "arguments": list(self.arguments),
            "command": self.command or "",
            "target": self.target,
            "framework": self.framework,
            "communicator": self.communicator,
            "maxRunDurationSeconds": self.max_run_duration_seconds,
            "nodeCount": self.node_count,
            "environment": {
                "name": environment.name,
                "environmentVariables": dict(environment.environment_variables),
                "python": {
                    "userManagedDependencies": python.user_managed_dependencies,
                    "interpreterPath": python.interpreter_path,
                    "condaDependenciesFile": python.conda_dependencies_file,
                    **(
                        {"condaDependencies": packages.as_dict()}
                        if packages.names_packages()
                        else {}
                    ),
                },
                "docker": {
                    "enabled": environment.docker.enabled,
                    "baseImage": environment.docker.base_image,
                    "arguments": list(environment.docker.arguments),
                    "shmSize": environment.docker.shm_size,
                },
            },
            "docker": {
                "useDocker": self.docker.use_docker,
                "arguments": list(self.docker.arguments),
                "shmSize": self.docker.shm_size,
            },
            "environmentVariables": dict(self.environment_variables),
        }
        return _merged(self._content, stated)

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


def _find(path: Path, name: str | None) -> Path:
    if name is None:
        if path.is_file():
            return path
        raise UserErrorException(
            f"{str(path)!r} is not a file to load a run configuration from; "
            "give the folder and the configuration's name."
        )
    stem = name.removesuffix(SUFFIX)
    tried = [path / folder / file for folder in _FOLDERS for file in (f"{stem}{SUFFIX}", stem)]
    for each in tried:
        if each.is_file():
            return each
    known = sorted(each.stem for each in (path / FOLDER).glob(f"*{SUFFIX}"))
    raise UserErrorException(
        f"Run configuration {name!r} does not exist at {str(path)!r}: no file "
        f"{os.path.join(FOLDER, stem + SUFFIX)!r}. Those that are there: "
        f"{', '.join(known) or 'none'}."
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


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(old)
    for key, value in new.items():
        if (
            isinstance(value, dict)
            and isinstance(merged.get(key), dict)
            and not key.endswith("Variables")
        ):
            merged[key] = _merged(merged[key], value)
        elif value is not None or key in merged:
            merged[key] = value
    return merged
