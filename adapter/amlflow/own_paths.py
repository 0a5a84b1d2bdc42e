"""The local paths of a tracker, the journal and the jobs, which what packs a folder leaves out.

A file is not even opened before it is known not to be one of them: when a process closes a file, it
loses its POSIX locks on it, and another process then takes an open SQLite database for its own.
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
"""What SQLite appends to a database's name for the files beside it."""
_MAGIC = b"SQLite format 3\0"

Identity = tuple[int, int]
"""The device and inode of a file, which all its names and links share."""


class OwnPaths:
    """Files and folders; a folder stands for all below it, a file for a database's files, too."""

    def __init__(self, paths: Iterable[Path], root: Path | None = None) -> None:
        """``root`` is the folder that is packed; a path that holds it does not count."""
        top = None if root is None else resolve_links(root)
        self._paths: set[Path] = set()
        self._identities: set[Identity] = set()
        self._linked: set[Identity] | None = None
        for path in paths:
            if top is not None and top.is_relative_to(resolve_links(path)):
                continue
            # SQLite keeps its files beside the database that a link leads to.
            for candidate in (path, *_companions(path), *_companions(resolve_links(path))):
                self._paths.add(resolve_links(candidate))
                with contextlib.suppress(OSError):
                    self._identities.add(identity(candidate.stat()))

    def has(self, path: Path, status: os.stat_result) -> bool:
        """Whether an existing path is among them, under whatever name. Opens nothing.

        Args:
            path: The path without links.
            status: The status of what is there.
        """
        if path in self._paths or identity(status) in self._identities:
            return True
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            return identity(status) in self._find_linked()
        return False

    def holds(self, path: Path) -> bool:
        """Whether a path without links is below one of them."""
        return any(parent in self._paths for parent in path.parents)

    def remove_own(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """The files, by name, that are not among them."""
        real_paths = {name: resolve_links(path) for name, path in files.items()}
        return {
            name: files[name]
            for name, path in real_paths.items()
            if not self.holds(path) and not self.has(path, path.stat())
        }

    def _find_linked(self) -> set[Identity]:
        """The files below the folders that have several names."""
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
    """The SQLite databases that are open in this process, and the files beside them."""
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
    """Files by name, in two: those to read, and the databases that are open in this process."""
    to_read, databases = dict[str, Path](), dict[str, Path]()
    open_here = open_databases()
    for name, path in files.items():
        try:
            is_open = identity(path.stat()) in open_here
        except OSError:  # it vanished; reading it will tell
            is_open = False
        (databases if is_open else to_read)[name] = path
    return to_read, databases


def check_not_open(files: Mapping[str, Path]) -> None:
    """Check that no file, by name, is a database that is open in this process.

    To close a file releases all locks that its process has on it, and with them SQLite's own.

    Raises:
        UserErrorException: one is.
    """
    _, databases = split_open_databases(files)
    for path in databases.values():
        raise UserErrorException(
            f"{str(path)!r} is a database that is open in this process, and is not uploaded: to "
            "read it would release its locks. Upload a copy of it that another process makes."
        )


def _descriptors() -> Iterator[int]:
    if IS_WINDOWS:  # its locks are those of one open file
        return
    with contextlib.suppress(OSError):  # a system that does not list them
        yield from [int(name) for name in os.listdir("/dev/fd")]


def identity(status: os.stat_result) -> Identity:
    """The identity of what has this status."""
    return status.st_dev, status.st_ino


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in COMPANIONS] if path.name else []
