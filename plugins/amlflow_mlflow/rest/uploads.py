"""A part of a file, to be sent."""

from __future__ import annotations

from typing import BinaryIO


class FilePart:
    """A part of a file: ``size`` bytes from ``start`` on, also if the file is growing."""

    def __init__(self, file: BinaryIO, size: int, start: int = 0) -> None:
        self._file, self._size, self._start = file, size, start
        self.rewind()

    def __len__(self) -> int:
        return self._size

    def rewind(self) -> None:
        """Go back to the beginning of the part."""
        self.seek(0)

    def tell(self) -> int:
        return self._size - self._bytes_left

    def seek(self, offset: int) -> None:
        self._file.seek(self._start + offset)
        self._bytes_left = self._size - offset

    def read(self, most: int = -1) -> bytes:
        most = self._bytes_left if most < 0 else min(most, self._bytes_left)
        content = self._file.read(most)
        self._bytes_left -= len(content)
        return content
