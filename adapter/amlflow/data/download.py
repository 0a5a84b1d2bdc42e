"""Writes files of a datastore or a data set to a folder of this machine."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterable
from pathlib import Path

from amlflow.data.errors import NoSuchFile, explain_errors
from amlflow.data.storage import PARTIAL, DataFile, Folder, fetch, find_entry
from amlflow.data.transfer import progress_of_download
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import LocalPaths

logger = logging.getLogger("amlflow")


def download_prefix(
    folder: Folder, below: Path, prefix: str, *, overwrite: bool, show_progress: bool
) -> int:
    """Write the files of a datastore whose paths begin with a prefix.

    Returns how many were written.
    """
    chosen = find_prefix(folder, prefix)
    count, local_paths = 0, LocalPaths(below)
    with progress_of_download(len(chosen), show_progress) as advance:
        for path, name in chosen.items():
            local = local_paths.path_for(name)
            if overwrite or not local.exists():
                fetch(DataFile(folder.fs, path, name, folder.address), local)
                count += 1
            advance(1)
    return count


def find_prefix(folder: Folder, prefix: str) -> dict[str, str]:
    """Find the files whose paths in a datastore begin with a prefix.

    Returns these paths by the files' paths in the storage.
    """
    start = posixpath.dirname(prefix.strip("/"))
    with explain_errors("Reading", folder.address):
        base = folder.path(start)
        paths = sorted(folder.fs.find(base)) if find_entry(folder.fs, base) is not None else []
    names = {
        path: path[len(folder.root) :].lstrip("/") for path in paths if not path.endswith(PARTIAL)
    }
    return {path: name for path, name in names.items() if name.startswith(prefix.lstrip("/"))}


def download_files(
    files: Iterable[DataFile], below: Path, *, overwrite: bool, ignore_missing: bool = False
) -> list[str]:
    """Write files below a folder, and return their paths.

    With ``ignore_missing``, a warning names a file that does not exist any more.

    Raises:
        NoSuchFile: a file does not exist any more.
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
        except NoSuchFile as error:
            if not ignore_missing:
                raise
            logger.warning("%s", error.message)
    return paths
