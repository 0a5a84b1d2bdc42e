"""An artifact store in a folder of this machine. A file is stored completely, and only once.

MLflow copies a file straight to its path. Then another process can see a half of it, a process that
is killed leaves that half, and if two processes store the same new file, both succeed. Here a file
is first copied to a folder beside the artifacts, and then it gets its name in one step.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from amlflow.linked_folders import LeadsOut, list_inside, open_inside
from amlflow.spec import Refused

from amlflow_mlflow.entities import FileEntry
from amlflow_mlflow.own_paths import is_empty

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""The errors of file systems without hard links."""
_CHUNK = 1 << 20
"""The number of bytes that are copied at once."""
IS_WINDOWS = os.name == "nt"
_OF_WINDOWS = re.compile(r"(?:file:/*)?[A-Za-z]:[/\\]")


class LocalArtifacts:
    """An :class:`amlflow_mlflow.store.ArtifactStore` whose root is a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self, folder: str) -> list[FileEntry]:
        if not os.path.isdir(self.folder / folder):  # also where a name is too long
            return []
        prefix = f"{folder}/" if folder else ""
        try:
            files = list_inside(self.folder, folder, str(self.folder))
        except LeadsOut:
            raise self._leads_out(folder) from None
        return sorted(FileEntry(prefix + file.name, file.is_folder) for file in files)

    def put(self, files: Mapping[str, Path]) -> None:
        store_files(self.folder, files, replace=True)

    def get(self, path: str, destination: Path) -> bool:
        file = self._open(path)
        if file is None:
            return False
        with file, destination.open("wb") as copy:
            shutil.copyfileobj(file, copy, _CHUNK)
        return True

    def read_beginning(self, path: str, count: int) -> bytes | None:
        file = self._open(path)
        if file is None:
            return None
        with file:
            return file.read(count)

    def _open(self, path: str) -> BinaryIO | None:
        try:
            return open_inside(self.folder, path)
        except LeadsOut:
            raise self._leads_out(path) from None
        except FileNotFoundError:
            return None

    def _leads_out(self, path: str) -> Refused:
        return Refused(
            f"{str(self.folder / path)!r} leads out of the folder of the run's files by a symbolic "
            "link; remove the link."
        )


class NoArtifacts:
    """An :class:`amlflow_mlflow.store.ArtifactStore` for a run without an artifact URI."""

    folder = None

    def list(self, folder: str) -> list[FileEntry]:
        return []

    def put(self, files: Mapping[str, Path]) -> None:
        raise Refused("The run does not say where its files are, so it takes none.")

    def get(self, path: str, destination: Path) -> bool:
        return False

    def read_beginning(self, path: str, count: int) -> bytes | None:
        return None


def open_folder(root: str) -> LocalArtifacts | NoArtifacts | None:
    """Open the files at an artifact URI. None if the URI is not a folder of this machine."""
    if is_empty(root) or "\0" in root:
        return NoArtifacts()
    folder = folder_of(root)
    return None if folder is None else LocalArtifacts(folder)


def folder_of(root: str) -> Path | None:
    """Return the folder that an artifact URI names, by MLflow's rules. None if it is not local.

    Raises :class:`amlflow.spec.Refused` for a Windows folder if this system is not Windows.
    """
    if not IS_WINDOWS and _OF_WINDOWS.match(root):
        raise Refused(
            f"The files are at {root!r}, a folder of a machine with Windows. Use them there, or "
            "serve artifacts by the MLflow server (mlflow server --serve-artifacts)."
        )
    if root.startswith("file:"):
        return Path(_to_path(urlsplit(root).path))
    if "://" in root or root.startswith(("dbfs:", "mlflow-artifacts:")):
        return None
    return Path(_to_path(root)).absolute()


def _to_path(text: str) -> str:
    """Return the path that the path of a URL names on this system."""
    if not IS_WINDOWS:
        return unquote(text)
    # Imported here, since it takes longer than opening a database.
    from urllib.request import url2pathname

    return url2pathname(text)


def store_files(folder: Path, files: Mapping[str, Path], *, replace: bool) -> str | None:
    """Store local files at paths in the folder of a run's artifacts. Raises :class:`OSError`.

    If one of the files exists already, its path is returned, and none is stored. With ``replace``,
    existing files are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".amlflow-", dir=folder.parent))
    try:
        copies = {path: staging / str(index) for index, path in enumerate(files)}
        for path, copy in copies.items():
            shutil.copyfile(files[path], copy)
        stored: list[Path] = []
        for path, copy in copies.items():
            target = folder / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                _name(copy, target, replace=replace)
            except BaseException as error:
                for other in stored:
                    other.unlink(missing_ok=True)
                if isinstance(error, FileExistsError) and not target.parent.is_file():
                    return path
                raise
            if not replace:
                stored.append(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return None


def _name(copy: Path, target: Path, *, replace: bool) -> None:
    """Give a copy its name. Raises :class:`FileExistsError` if the name is taken."""
    if replace:
        os.replace(copy, target)
        return
    try:
        os.link(copy, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Such a file system cannot store a complete file in one step only if the name is new. So an
        # empty file takes the name, and the complete one replaces it.
        target.open("xb").close()
        try:
            os.replace(copy, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
