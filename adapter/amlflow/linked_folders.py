"""Lists a folder of this machine in which somebody else may have made links."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from amlflow.local_paths import resolve_links
from amlflow.tracker_data import leave_out, show_value


def list_inside(top: Path, folder: str, owner: str) -> list[os.DirEntry[str]]:
    """Return the files and folders in a folder of a run's files, by name.

    ``top`` is the root of the run's files, ``folder`` a path below it, or empty. ``owner`` has the
    files: what is left out is named on the log as one of its own.

    Left out are links that lead out of ``top``, to nothing or in a circle; links to folders, which
    could make a folder contain itself; what is neither a file nor a folder, such as a pipe, which
    would hold whoever reads it; and names that are not UTF-8.

    Raises:
        OSError: the folder cannot be read.
    """
    real_top = resolve_links(top)
    kept = []
    with os.scandir(top / folder) as entries:
        for entry in entries:
            fault = _fault_of(entry, real_top)
            if fault is None:
                kept.append(entry)
            else:
                leave_out_file(owner, posixpath.join(folder, entry.name), fault)
    return sorted(kept, key=lambda entry: entry.name)


def leave_out_file(owner: str, name: str, fault: str) -> None:
    """Name a file of a run on the log that is not shown."""
    leave_out(owner, name, f"a file of the run ({fault})", show_value(name))


def _fault_of(entry: os.DirEntry[str], top: Path) -> str | None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:  # the system's names are bytes
        return "its name is not UTF-8"
    try:
        is_kept = entry.is_dir() or entry.is_file()
    except OSError as error:  # such as links in a circle
        return f"it cannot be looked at: {error.strerror}"
    if entry.is_symlink() and entry.is_dir():
        return "it is a link to a folder"
    if entry.is_symlink() and not resolve_links(Path(entry)).is_relative_to(top):
        return "a link leads out of the folder of the run's files"
    return None if is_kept else "it is neither a file nor a folder"
