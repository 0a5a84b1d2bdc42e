"""Lists the files of a run. Whoever may edit the run has chosen their names, and has made links."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlflow.linked_folders import leave_out_file, list_inside
from amlflow.local_paths import resolve_links, why_unsafe
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository


@dataclass(frozen=True, slots=True)
class FileHere:
    """A file or folder of a run, by its path from the root of the run's files. Size in bytes."""

    name: str
    size: int | None
    is_folder: bool


class FilesOfRun:
    """Lists the files of a run: those in the folder ``base`` of an artifact repository.

    Whoever may edit the run has chosen their names. A name that could not be the path of a file
    below a folder is left out, and so is a link that leads out of the run's files, and what is
    neither a file nor a folder. ``folder`` is the folder on this machine, or None.
    """

    def __init__(self, run_id: str, repository: Any, base: str) -> None:
        self.run_id, self.repository, self.base = run_id, repository, base
        is_local = isinstance(repository, LocalArtifactRepository)
        self.folder = Path(repository.artifact_dir, base) if is_local else None

    def inside(self, folder: str) -> Iterator[FileHere]:
        """Yield what is in a folder: nothing if the folder does not exist, or is behind a link."""
        if folder and why_unsafe(folder):
            return
        for file in self._local(self.folder, folder) if self.folder else self._stored(folder):
            fault = why_unsafe(file.name)
            if fault is None:
                yield file
            else:
                leave_out_file(self.run_id, file.name, fault)

    def below(self, folder: str, deep: bool = True) -> Iterator[tuple[str, int]]:
        """Yield the files in a folder and in those below it, with their sizes in bytes."""
        for file in self.inside(folder):
            if not file.is_folder:
                yield file.name, file.size or 0
            elif deep:
                yield from self.below(file.name)

    def _stored(self, folder: str) -> Iterator[FileHere]:
        for info in self.repository.list_artifacts(posixpath.join(self.base, folder) or None):
            name = posixpath.relpath(info.path, self.base) if self.base else info.path
            size = None if info.file_size is None else int(info.file_size)
            yield FileHere(name, size, info.is_dir)

    def _local(self, root: Path, folder: str) -> Iterator[FileHere]:
        """Yield what is in a folder of this machine. MLflow's own list fails for one bad link."""
        path = root / folder
        if not path.is_dir() or resolve_links(path) != resolve_links(root) / folder:
            return
        prefix = f"{folder}/" if folder else ""
        for file in list_inside(root, folder, self.run_id):
            yield FileHere(prefix + file.name, file.size, file.is_folder)
