"""Reads a folder of this machine in which somebody else may make links, even while it is read."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from amlflow.local_paths import resolve_links
from amlflow.systems import IS_WINDOWS
from amlflow.tracker_data import leave_out, show_value

if not IS_WINDOWS:
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY
    _FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait for its writer
_NOT_THERE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG, errno.ENXIO}
)
"""The errors of opening what is missing, a link, or a socket."""


class LeadsOut(FileNotFoundError):
    """A path leads out of its folder."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, "it is not in its folder, or a link leads out of it", path)


@dataclass(frozen=True, slots=True)
class FileInside:
    """A file or folder in a listed folder. The size of a file is in bytes."""

    name: str
    is_folder: bool
    size: int | None


def list_inside(top: Path, folder: str, owner: str) -> list[FileInside]:
    """Return the files and folders in a folder of a run's files, by name.

    ``top`` is the root of the run's files, ``folder`` a path below it, or empty. ``owner`` has the
    files: what is left out is named on the log as one of its own.

    Left out are links that lead out of ``top``, to nothing or in a circle; links to folders, which
    could make a folder contain itself; what is neither a file nor a folder, such as a pipe, which
    would hold whoever reads it; and names that are not UTF-8.

    Raises:
        OSError: the folder cannot be read, or is not in ``top``.
    """
    real_top = resolve_links(top)
    real_folder = resolve_links(top / folder)
    kept = []
    with _opened(real_top, real_folder) as opened, os.scandir(opened) as entries:
        for entry in entries:
            fault = _fault_of(entry, real_folder / entry.name, real_top)
            if fault is not None:
                leave_out_file(owner, posixpath.join(folder, entry.name), fault)
                continue
            is_folder = entry.is_dir()
            with contextlib.suppress(OSError):  # it was removed in the meantime
                size = None if is_folder else entry.stat().st_size
                kept.append(FileInside(entry.name, is_folder, size))
    return sorted(kept, key=lambda file: file.name)


def open_inside(top: Path, name: str) -> BinaryIO:
    """Open a file below a folder to read it. ``name`` is its path below ``top``.

    A link to another file in ``top`` is followed. No link out of it is, whenever it is made: the
    file is found first, and then the way to it is walked without links.

    Raises:
        LeadsOut: a link in the path leads out of ``top``.
        FileNotFoundError: the file does not exist in ``top``, or is not a regular file.
        OSError: the file cannot be read.
    """
    real_top = resolve_links(top)
    path = resolve_links(top / name)
    try:
        with _opened(real_top, path.parent) as folder:
            if isinstance(folder, Path):
                if not path.is_file():  # Windows has other errors for folders and for wrong names
                    raise FileNotFoundError(errno.ENOENT, "it is not a file", name)
                return path.open("rb")
            descriptor = os.open(path.name, _FILE, dir_fd=folder)
    except LeadsOut:
        raise LeadsOut(name) from None
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        raise FileNotFoundError(error.errno, error.strerror, name) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "it is not a file", name)
    return open(descriptor, "rb")


@contextlib.contextmanager
def _opened(top: Path, folder: Path) -> Iterator[int | Path]:
    """Open a folder below ``top``; neither path has a link. Windows knows it by its path only.

    If somebody has put a link in its place since the links were resolved, it is not followed.
    """
    if not folder.is_relative_to(top):
        raise LeadsOut(str(folder))
    if IS_WINDOWS:
        yield folder
        return
    opened = os.open(top, _FOLDER)
    try:
        for part in folder.relative_to(top).parts:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened
    finally:
        os.close(opened)


def leave_out_file(owner: str, name: str, fault: str) -> None:
    """Name a file of a run on the log that is not shown."""
    leave_out(owner, name, f"a file of the run ({fault})", show_value(name))


def _fault_of(entry: os.DirEntry[str], path: Path, top: Path) -> str | None:
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
    if entry.is_symlink() and not resolve_links(path).is_relative_to(top):
        return "a link leads out of the folder of the run's files"
    return None if is_kept else "it is neither a file nor a folder"
