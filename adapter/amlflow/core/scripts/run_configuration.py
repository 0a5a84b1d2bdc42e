"""v1's ``azureml.core.runconfig``: a script, its target and settings, and their file."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlflow.core.project.config_json import FOLDER
from amlflow.core.scripts.data_section import DATA, REFERENCES
from amlflow.core.scripts.distributed import (
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.environment_sections import DEFAULT_NAME, FIELDS, SHM_SIZE
from amlflow.core.scripts.sections import AmlComputeConfiguration, HistoryConfiguration
from amlflow.core.scripts.settings_file import (
    COMMAND,
    FLAG,
    LIST,
    NUMBER,
    TEXT,
    TEXTS,
    VALUE,
    Section,
    read_fields,
    show_fields,
    write_fields,
)
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound
from amlflow.user_files import parse_yaml, read_text
from amlflow.whole_files import write_text
from amlflow.working_folder import local_path

SUFFIX = ".runconfig"
ENVIRONMENT_FILE = "environment.yml"
CONDA_FILE = "conda_dependencies.yml"
_FOLDERS = (FOLDER, "aml_config", "")


@dataclass
class DockerConfiguration(Settings):
    """The settings of the container that the script runs in, if it runs in one.

    ``shm_size`` is the size of its shared memory.
    """

    use_docker: bool = False
    shared_volumes: bool = True
    arguments: list[str] = field(default_factory=list)
    shm_size: str | None = SHM_SIZE


NOT_IN_FILES = ("output_data",)
"""The settings that are objects of the user's code. A file cannot hold them."""
_REPLACED = ("data", "dataReferences")
"""The keys whose old entries are removed from the file if the configuration does not have them."""


class RunConfiguration(Settings):
    """A script or command, its arguments, target, environment and environment variables.

    Source: ``azureml.core.RunConfiguration`` 1.61; names are v1's. If a ``.runconfig`` file has
    other settings, they are kept and written back.
    """

    script: str | None
    arguments: list[Any]
    command: str | list[str] | None
    framework: str
    communicator: str | None
    node_count: int
    mpi: MpiConfiguration
    pytorch: PyTorchConfiguration
    tensorflow: TensorflowConfiguration
    max_run_duration_seconds: float | None
    environment: Environment
    environment_variables: dict[str, str]
    docker: DockerConfiguration
    data: dict[str, Any]
    data_references: dict[str, Any]
    output_data: dict[str, Any]
    history: HistoryConfiguration
    amlcompute: AmlComputeConfiguration

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
        self.communicator = "None" if communicator is None else communicator  # as in v1
        self.node_count = 1
        self.mpi, self.pytorch = MpiConfiguration(), PyTorchConfiguration()
        self.tensorflow = TensorflowConfiguration()
        self.max_run_duration_seconds = None
        self.environment = Environment(DEFAULT_NAME)
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self.environment_variables = {}
        self.docker = DockerConfiguration()
        self.data, self.data_references, self.output_data = {}, {}, {}
        self.history = HistoryConfiguration()
        self.amlcompute = AmlComputeConfiguration()

    @property
    def target(self) -> str:
        """The name of the compute target. You can also assign a compute target."""
        return self._target

    @target.setter
    def target(self, value: Any) -> None:
        self._target = getattr(value, "name", None) or str(value)

    # the file

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read ``<path>/.azureml/<name>.runconfig``. Without a name, read the file ``path``.

        Raises:
            UserErrorException: the file does not exist, or is not a run configuration.
        """
        file = _find(local_path(path), name)
        content = _yaml(file)
        if isinstance(content.get("environment"), str):
            content = {**content, "environment": _read_environment(file, content["environment"])}
        config = RunConfiguration()
        config._content = content
        read_fields(config, Section(content, str(file)), _FIELDS)
        return config

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> None:
        """Write ``<path>/.azureml/<name>.runconfig`` (default for ``name``: the target's name).

        If ``path`` is a file, this file is written. With ``separate_environment_yaml``, the
        environment is written to ``environment.yml`` beside it, and its packages to
        ``conda_dependencies.yml``.

        Raises:
            UserErrorException: the configuration names outputs, or data without an id. A file
                cannot hold these.
        """
        for setting in NOT_IN_FILES:
            if getattr(self, setting):
                raise UserErrorException(
                    f"run_config.{setting} cannot be saved to a .runconfig file; pass the data in "
                    "the arguments of ScriptRunConfig."
                )
        content = _merge(self._content, write_fields(self, _FIELDS))
        base = local_path(path or ".")
        file = base
        if not base.is_file():
            file = base / FOLDER / f"{(name or self.target).removesuffix(SUFFIX)}{SUFFIX}"
            file.parent.mkdir(parents=True, exist_ok=True)
        if separate_environment_yaml:
            environment = {**content["environment"], "python": {**content["environment"]["python"]}}
            packages = environment["python"].pop("condaDependencies", None)
            if packages:
                environment["python"]["condaDependenciesFile"] = CONDA_FILE
                _write_yaml(file.with_name(CONDA_FILE), packages)
            _write_yaml(file.with_name(ENVIRONMENT_FILE), environment)
            content["environment"] = ENVIRONMENT_FILE
        _write_yaml(file, content)

    @staticmethod
    def delete(path: str | os.PathLike[str], name: str) -> None:
        """Remove a configuration's file."""
        _find(Path(path), name).unlink()

    def __repr__(self) -> str:
        return (
            f"RunConfiguration(script={self.script!r}, target={self.target!r}, "
            f"environment={self.environment.name!r})"
        )


_FIELDS = (
    ("script", "script", TEXT),
    ("arguments", "arguments", LIST),
    ("command", "command", COMMAND),
    ("target", "target", TEXT),
    ("framework", "framework", TEXT),
    ("communicator", "communicator", TEXT),
    ("max_run_duration_seconds", "maxRunDurationSeconds", VALUE),
    ("node_count", "nodeCount", NUMBER),
    ("mpi.process_count_per_node", "mpi.processCountPerNode", NUMBER),
    ("pytorch.communication_backend", "pytorch.communicationBackend", TEXT),
    ("pytorch.process_count", "pytorch.processCount", VALUE),
    ("tensorflow.worker_count", "tensorflow.workerCount", NUMBER),
    ("tensorflow.parameter_server_count", "tensorflow.parameterServerCount", VALUE),
    *((f"environment.{attribute}", f"environment.{key}", kind) for attribute, key, kind in FIELDS),
    ("docker.use_docker", "docker.useDocker", FLAG),
    ("docker.arguments", "docker.arguments", LIST),
    ("docker.shm_size", "docker.shmSize", TEXT),
    ("environment_variables", "environmentVariables", TEXTS),
    ("history.output_collection", "history.outputCollection", VALUE),
    ("history.snapshot_project", "history.snapshotProject", VALUE),
    ("history.directories_to_watch", "history.directoriesToWatch", LIST),
    ("data", "data", DATA),
    ("data_references", "dataReferences", REFERENCES),
    ("amlcompute.vm_size", "amlcompute.vmSize", TEXT),
    ("amlcompute.vm_priority", "amlcompute.vmPriority", TEXT),
)  # fmt: skip
"""Each setting: its attribute, its key in the file and its type."""
_IN_DEFINITION = frozenset({
    "mpi.processCountPerNode", "pytorch.communicationBackend", "pytorch.processCount",
    "tensorflow.workerCount", "tensorflow.parameterServerCount",
    "framework", "maxRunDurationSeconds", "environment.name",
    "environment.python.interpreterPath", "environment.python.userManagedDependencies",
    "environment.python.condaDependencies", "environment.docker.baseImage",
})  # fmt: skip
"""The keys that a run's definition copies from the configuration."""


def defined_settings(config: RunConfiguration) -> dict[str, Any]:
    """Return the settings that a run's definition copies from it, without secrets."""
    return show_fields(config, [row for row in _FIELDS if row[1] in _IN_DEFINITION])


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
    raise PathNotFound(
        f"Run configuration {name!r} does not exist at {str(path)!r}: no file "
        f"{os.path.join(FOLDER, stem + SUFFIX)!r}. Existing "
        f"configurations: {', '.join(names) or 'none'}."
    )


def _yaml(path: Path) -> dict[str, Any]:
    content = parse_yaml(read_text(path), path)
    if not isinstance(content, dict):
        raise UserErrorException(f"{path} must be a mapping of keys to values, and is not one.")
    return content


def _read_environment(file: Path, name: str) -> dict[str, Any]:
    """Read the environment of a run configuration from a separate file beside it."""
    beside = file.parent / name
    if not beside.is_file():
        raise UserErrorException(
            f"{file} has its environment in {name!r}, which does not exist beside it."
        )
    environment = _yaml(beside)
    packages = Section(environment, str(beside)).section("python").text("condaDependenciesFile")
    if packages is not None and (file.parent / packages).is_file():
        environment["python"]["condaDependenciesFile"] = str((file.parent / packages).absolute())
    return environment


def _write_yaml(path: Path, content: Any) -> None:
    import yaml  # takes long to import, and few scripts read or write such a file

    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(old)
    for key, value in new.items():
        if key in _REPLACED:
            before = result.get(key) or {}
            result[key] = {
                name: _merge(before.get(name) or {}, entry) for name, entry in value.items()
            }
        elif (
            isinstance(value, dict)
            and isinstance(result.get(key), dict)
            and not key.endswith("Variables")
        ):
            result[key] = _merge(result[key], value)
        elif value is not None or key in result:
            result[key] = value
    return result
