"""The local paths of the tracker, the journal and the jobs. A snapshot or upload leaves them out.

These files must not even be opened. When a process closes a file, it loses all of its POSIX locks
on that file. If the file is an SQLite database in use, another process could then write to it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from amlflow.exceptions import UserErrorException
from amlflow.local_paths import resolve_links
from amlflow.systems import IS_WINDOWS

COMPANIONS = ("-wal", "-shm", "-journal")
"""The endings that SQLite adds to a database's name for the files beside it."""
_MAGIC = b"SQLite format 3\0"

Identity = tuple[int, int]
"""The device and inode of a file. All names and links of the file have the same."""


class OwnPaths:
    """A set of files and folders. A folder includes everything below it. A file includes the files
    that SQLite keeps beside it."""

    def __init__(self, paths: Iterable[Path], root: Path | None = None) -> None:
        """Collect the paths, except those that contain ``root``: the folder that is packed."""
        top = None if root is None else resolve_links(root)
        above = set[Path]() if top is None else {top, *top.parents}
        self._paths: set[Path] = set()
        self._identities: set[Identity] = set()
        self._linked: set[Identity] | None = None
        for path in dict.fromkeys(paths):
            real_path = resolve_links(path)
            if real_path in above:
                continue
            status = _look(real_path)
            self._add(real_path, status)
            if status is None or not stat.S_ISDIR(status.st_mode):
                companions = _companions(real_path)
                if real_path != path:
                    # If the database is a link, SQLite keeps its files beside the link's target. An
                    # older one may have kept them beside the link.
                    companions += _companions(resolve_links(path.parent) / path.name)
                for companion in companions:
                    self._add(companion, _look(companion))

    def _add(self, path: Path, status: os.stat_result | None) -> None:
        self._paths.add(path)
        if status is not None:
            self._identities.add(identity(status))

    def has(self, path: Path, status: os.stat_result) -> bool:
        """Whether an existing path is one of these, under any of its names. Opens no file.

        Args:
            path: The path without links.
            status: The result of ``stat`` for the path.
        """
        if path in self._paths or identity(status) in self._identities:
            return True
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            return identity(status) in self._find_linked()
        return False

    def holds(self, path: Path) -> bool:
        """Whether a path without links is below one of these paths."""
        return any(parent in self._paths for parent in path.parents)

    def remove_own(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Return those files, by name, that are not among these paths or below one of them."""
        real_paths = {name: resolve_links(path) for name, path in files.items()}
        return {
            name: files[name]
            for name, path in real_paths.items()
            if not self.holds(path) and not self.has(path, path.stat())
        }

    def _find_linked(self) -> set[Identity]:
        """Return the identities of the files below the folders that have several names."""
        if self._linked is None:
            self._linked = set()
            for folder in self._paths:
                for parent, _, names in os.walk(folder):
                    for name in names:
                        with contextlib.suppress(OSError):
                            status = os.stat(os.path.join(parent, name), follow_symlinks=False)
                            if status.st_nlink > 1:
                                self._linked.add(identity(status))
        return self._linked


def open_databases() -> set[Identity]:
    """Return the identities of the SQLite databases that are open in this process.

    The files that SQLite keeps beside them are included.
    """
    identities: set[Identity] = set()
    for descriptor in _descriptors():
        # Another thread may close it at any moment.
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and os.pread(descriptor, 16, 0) == _MAGIC:
                identities.add(identity(status))
                for companion in _companions(Path(os.readlink(f"/dev/fd/{descriptor}"))):
                    with contextlib.suppress(OSError):
                        identities.add(identity(companion.stat()))
    return identities


def split_open_databases(files: Mapping[str, Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Divide files, by name, into those to read and the databases that are open in this process."""
    to_read, databases = dict[str, Path](), dict[str, Path]()
    open_here = open_databases()
    for name, path in files.items():
        try:
            is_open = identity(path.stat()) in open_here
        except OSError:  # it was removed; the error comes when it is read
            is_open = False
        (databases if is_open else to_read)[name] = path
    return to_read, databases


def check_not_open(files: Mapping[str, Path]) -> None:
    """Check that none of the files, by name, is a database that is open in this process.

    Reading a file ends with closing it. Closing it releases all locks that this process has on it,
    including those of SQLite.

    Raises:
        UserErrorException: one of the files is such a database.
    """
    _, databases = split_open_databases(files)
    for path in databases.values():
        raise UserErrorException(
            f"{str(path)!r} is a database that is open in this process, and is not uploaded: to "
            "read it would release its locks. Upload a copy of it that another process makes."
        )


def _descriptors() -> Iterator[int]:
    if IS_WINDOWS:  # there, a lock belongs to one open file, so closing another is safe
        return
    with contextlib.suppress(OSError):  # not every system lists the descriptors
        yield from [int(name) for name in os.listdir("/dev/fd")]


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def identity(status: os.stat_result) -> Identity:
    """Return the identity of a file with this status."""
    return status.st_dev, status.st_ino


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in COMPANIONS] if path.name else []
