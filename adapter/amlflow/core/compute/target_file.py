"""Changes ``.azureml/compute.yaml``: one process at a time, completely, and with its comments."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amlflow.core.compute import declared
from amlflow.core.project.config_json import FOLDER, find_config
from amlflow.core.project.project_files import find_project_files, find_upwards
from amlflow.core.store import WorkspaceBase, folder_of
from amlflow.exceptions import ComputeTargetException
from amlflow.user_files import read_text
from amlflow.whole_files import write_text
from amlflow.working_folder import working_folder

LOCK_WAIT_S = 30
MAX_WIDTH = 4096
"""Lines that are longer than this are folded, unless a person wrote them."""
_HEAD = "# Compute targets of this project: the name of each, its kind and settings.\n"


class TargetFile:
    """A compute.yaml that this process has locked and read.

    :meth:`put` and :meth:`remove` write the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.targets = declared.read_file(path) if path.is_file() else {}
        self.targets.pop(declared.DEFAULTS, None)

    def put(self, name: str, declaration: Mapping[str, Any]) -> None:
        """Declare a target. It replaces a target of the same name."""
        yaml, text = _open_yaml(), self._text()
        document = yaml.load(text)
        if document is None:  # the file has nothing but comments
            text += _dump(yaml, {name: _quote(declaration)})
        else:
            document[name] = _quote(declaration)
            text = _dump(yaml, document)
        write_text(self.path, text)

    def remove(self, name: str) -> None:
        """Remove a target."""
        yaml = _open_yaml()
        document = yaml.load(self._text())
        del document[name]
        write_text(self.path, _dump(yaml, document) if document else _HEAD)

    def _text(self) -> str:
        return read_text(self.path) if self.path.is_file() else _HEAD


def _open_yaml() -> Any:
    # ruamel.yaml keeps the comments in the file, which PyYAML does not. Few scripts write the file.
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = MAX_WIDTH
    return yaml


def _dump(yaml: Any, document: Any) -> str:
    buffer = io.StringIO()
    yaml.dump(document, buffer)
    return buffer.getvalue()


def _quote(value: Any) -> Any:
    """Put quotes around texts that PyYAML, which reads the file, would not read as texts.

    ruamel.yaml writes YAML 1.2, in which ``yes`` and ``12:30`` are texts. In YAML 1.1, which PyYAML
    reads, they are not.
    """
    # As in _open_yaml().
    import yaml
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    if isinstance(value, Mapping):
        return {_quote(key): _quote(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_quote(member) for member in value]
    if isinstance(value, str) and yaml.safe_dump([value], allow_unicode=True) != f"- {value}\n":
        return SingleQuotedScalarString(value)
    return value


@contextmanager
def editing(workspace: WorkspaceBase, name: str) -> Iterator[TargetFile]:
    """Lock the compute.yaml of a target and read it. It need not exist yet.

    It is the one that declares the target. If none does, it is the nearest one in or above the
    folder of the config.json that named the workspace. If there is none, it is made there. If
    nothing can be written there, or if no config.json named the workspace, the same is done for the
    working folder.

    Raises:
        ComputeTargetException: it cannot be locked, read or written.
    """
    # Imported here, since only code that creates targets needs the lock.
    from filelock import FileLock, Timeout

    path = _choose(workspace, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_WAIT_S):
            yield TargetFile(path)
    except Timeout:
        raise ComputeTargetException(
            f"Another process has locked {path} for {LOCK_WAIT_S} seconds. Try again."
        ) from None
    except OSError as error:
        raise ComputeTargetException(
            f"{path} cannot be written: {error.strerror or error}. Declare the compute target in a "
            "folder where you may write."
        ) from error


def _choose(workspace: WorkspaceBase, name: str) -> Path:
    for path in find_project_files(workspace, declared.FILE):
        if name in declared.read_file(path):
            return path
    project = folder_of(workspace)
    if project is not None:
        path = find_upwards(project, declared.FILE) or _below(project)
        if _is_writable(path):
            return path
    if near := find_upwards(working_folder(), declared.FILE):
        return near
    config = find_config(None)
    if config is not None and _is_writable(_below(config.folder)):
        return _below(config.folder)
    return _below(working_folder())


def _below(folder: Path) -> Path:
    return folder / FOLDER / declared.FILE


def _is_writable(path: Path) -> bool:
    """Whether a file can be written: its folder, or the one in which that would be made."""
    folder = next(folder for folder in path.parents if folder.exists())
    return os.access(folder, os.W_OK)
