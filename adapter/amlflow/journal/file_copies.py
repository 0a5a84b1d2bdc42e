"""Copies of files that wait to be sent, in the folder ``files/``."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from amlflow.journal.segment_files import to_disk
from amlflow.systems import BINARY

logger = logging.getLogger("amlflow")


MAX_OPEN = 64
"""How many copies are kept open while they wait."""


@dataclass(slots=True)
class Copy:
    """The size of a copy, and its handle if it is open."""

    size: int
    handle: int | None = None


class FileCopies:
    """The copies of this process. The first ones are kept open, so they survive a removal.

    The caller must hold the lock of the segments, except for :meth:`write`.
    """

    def __init__(self, *, fsync: bool) -> None:
        self._fsync = fsync
        self._copies: dict[str, Copy] = {}
        self.size = 0
        """The size of all copies, in bytes."""

    def add(self, name: str, size: int) -> None:
        """Count a copy that is about to be written."""
        self.size += size
        self._copies[name] = Copy(size)

    def write(self, source: Path, target: Path) -> None:
        """Write a copy. Raises :class:`OSError`, and then leaves nothing behind."""
        try:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            shutil.copyfile(source, target)
            if self._fsync:
                to_disk(target)
                to_disk(target.parent)
        except OSError:
            with contextlib.suppress(OSError):
                target.unlink()
            raise

    def keep_open(self, target: Path) -> None:
        """Open a copy, unless too many are open."""
        if len(self._copies) <= MAX_OPEN:
            with contextlib.suppress(OSError):  # somebody has removed it
                self._copies[target.name].handle = os.open(target, os.O_RDONLY | BINARY)

    def forget(self, name: str) -> None:
        """Close a copy, and no longer count it."""
        copy = self._copies.pop(name, None)
        if copy is not None:
            self.size -= copy.size
            _close(copy)

    def move(self, old: Path, new: Path) -> None:
        """Write the copies that can be read into another ``files/``."""
        for name, copy in self._copies.items():
            target = new / name
            try:
                target.parent.mkdir(exist_ok=True, mode=0o700)
                if copy.handle is None:
                    shutil.copyfile(old / name, target)
                    continue
                with open(os.dup(copy.handle), "rb") as source, target.open("wb") as file:
                    source.seek(0)
                    shutil.copyfileobj(source, file)
            except OSError as error:
                logger.error("A file that waited in %s is lost: %s", old, error)

    def close(self) -> None:
        """Close the copies."""
        for copy in self._copies.values():
            _close(copy)


def _close(copy: Copy) -> None:
    if copy.handle is not None:
        os.close(copy.handle)
        copy.handle = None
