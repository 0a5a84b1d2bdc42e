"""Writes files of a datastore or a data set to a folder of this machine."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import Path

from amlflow.data.errors import explain_errors
from amlflow.data.storage import PARTIAL, DataFile, Folder, fetch
from amlflow.data.transfer import progress_of_download
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import LocalPaths


def download_prefix(
    folder: Folder, below: Path, prefix: str, *, overwrite: bool, show_progress: bool
) -> int:
    """Write the files of a datastore whose paths begin with a prefix. Returns their number."""
    start = posixpath.dirname(prefix.strip("/"))
    with explain_errors("Reading", folder.address):
        base = folder.path(start)
        paths = sorted(folder.fs.find(base)) if folder.fs.exists(base) else []
    names = {
        path: path[len(folder.root) :].lstrip("/") for path in paths if not path.endswith(PARTIAL)
    }
    chosen = {path: name for path, name in names.items() if name.startswith(prefix.lstrip("/"))}
    count, local_paths = 0, LocalPaths(below)
    with progress_of_download(len(chosen), show_progress) as advance:
        for path, name in chosen.items():
            local = local_paths.path_for(name)
            if overwrite or not local.exists():
                fetch(DataFile(folder.fs, path, name, folder.address), local)
                count += 1
            advance(1)
    return count


def download_files(
    files: Iterable[DataFile], below: Path, *, overwrite: bool, ignore_missing: bool = False
) -> list[str]:
    """Write files below a folder, and return their paths.

    Raises:
        UserErrorException: a file is there already, and ``overwrite`` is False; or a name leads
            out of the folder. Then no file is written.
    """
    local_paths = LocalPaths(below)
    listed = [(file, local_paths.path_for(file.name)) for file in files]
    if not overwrite:
        for _, path in listed:
            if path.exists():
                raise UserErrorException(
                    f"{str(path)!r} is there already, so nothing was downloaded; pass "
                    "overwrite=True, or choose another folder."
                )
    paths = []
    for file, path in listed:
        try:
            paths.append(str(fetch(file, path).absolute()))
        except FileNotFoundError:
            if not ignore_missing:
                raise
    return paths
