"""Files of records, named ``<number>.log``: one record a line, with reserved disk space."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from amlflow.journal.record import is_whole
from amlflow.systems import BINARY, IS_WINDOWS, read_at, write_at_start

WINDOW = 1 << 20
"""How many bytes of records are read at once."""

sync = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have no fdatasync


def number_of(path: Path) -> int:
    """Return the number in the name of a file of records."""
    return int(path.stem)


def segments_in(folder: Path) -> list[Path]:
    """List the files of records in a folder, oldest first."""
    return sorted((path for path in folder.glob("*.log") if path.stem.isdigit()), key=number_of)


def segment_path(folder: Path, number: int) -> Path:
    """Return the path of a file of records."""
    return folder / f"{number:08}.log"


def read_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Read some complete lines from an offset on. Also returns the offset after them.

    The lines come without their line ends. The list is empty after the last line.
    """
    with path.open("rb") as file:
        return read_lines_at(file.fileno(), offset)


def read_lines_at(handle: int, offset: int) -> tuple[list[bytes], int]:
    """Read lines as :func:`read_lines` does, but from an open file."""
    content = read_at(handle, WINDOW, offset)
    while (end := content.rfind(b"\n") + 1) == 0:
        chunk = read_at(handle, WINDOW, offset + len(content))
        if not chunk:
            return [], offset
        content += chunk
    # A record has no zero bytes. Zeros before a line are a page that was lost in a power cut.
    return [line.strip(b"\0") for line in content[: end - 1].split(b"\n")], offset + end


@dataclass(slots=True)
class Segment:
    """A file of records of this process, not all of which are sent."""

    path: Path
    handle: int | None
    """None if too many files are open."""
    size: int
    inode: tuple[int, int]
    first: int
    """The number of its first record."""

    @classmethod
    def make(cls, path: Path, size: int, first: int, *, fsync: bool) -> Segment:
        """Make the file and reserve its space. Raises :class:`OSError`, and then leaves nothing.

        With ``fsync``, the file and the folders above it are on the disk when this returns.
        """
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
        try:
            _reserve(handle, size)
            if fsync:
                os.fsync(handle)
                for folder in (path.parent, *list(path.parent.parents)[:3]):
                    to_disk(folder)
            status = os.fstat(handle)
        except OSError:
            os.close(handle)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return cls(path, handle, size, (status.st_dev, status.st_ino), first)

    def damage(self) -> str | None:
        """Say what has happened to the file since it was made. None if it is as it was."""
        try:
            status = os.stat(self.path)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if (status.st_dev, status.st_ino) != self.inode:
            return "was replaced"
        return "was cut" if status.st_size < self.size else None

    def whole_lines(self, offset: int, count: int) -> list[bytes]:
        """Read at most ``count`` lines from an offset on, up to the first damaged line."""
        lines: list[bytes] = []
        try:
            handle = self.handle
            if handle is None:
                handle = os.open(self.path, os.O_RDONLY | BINARY)
        except OSError:  # it was removed while it was not open
            return lines
        try:
            while len(lines) < count:
                batch, offset = read_lines_at(handle, offset)
                for line in batch:
                    if not is_whole(line):
                        return lines[:count]
                    lines.append(line + b"\n")
                if not batch:
                    break
        finally:
            if self.handle is None:
                os.close(handle)
        return lines[:count]

    def close(self) -> None:
        """Close the file. A later read opens it again."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


def _reserve(handle: int, size: int) -> None:
    """Reserve disk space for a file."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        write_at_start(handle, bytes(size))
        os.lseek(handle, 0, os.SEEK_SET)


def to_disk(path: Path) -> None:
    """Wait until a file, or the list of a folder's entries, is on the disk.

    Windows cannot open folders. There an entry is on the disk together with its file.
    """
    if IS_WINDOWS and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if IS_WINDOWS else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
