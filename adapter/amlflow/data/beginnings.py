"""What a file is by its first bytes, if a text is expected."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amlflow.data.definition import ENCODINGS
from amlflow.data.errors import DatasetExecutionError

COUNT = 10
"""The number of bytes that :func:`check_beginning` needs."""
_COMPRESSED = "compressed by {0}, and not a text. Decompress it first, such as by `{0} -d`."
_BZIP2 = _COMPRESSED.format("bzip2")
_OTHERS: Mapping[bytes, str] = {
    b"\x1f\x8b\x08": _COMPRESSED.format("gzip"),
    # A text may begin with BZh9. The bytes that follow are those of a block, or of no block.
    **{b"BZh%d1AY&SY" % level: _BZIP2 for level in range(1, 10)},
    **{b"BZh%d\x17rE8P\x90" % level: _BZIP2 for level in range(1, 10)},
    b"\xfd7zXZ\0": _COMPRESSED.format("xz"),
    b"\x28\xb5\x2f\xfd": _COMPRESSED.format("zstd"),
    b"PK\x03\x04": "a zip archive, as Excel's workbooks are. Extract the file that is in it, or "
    "save the workbook as CSV.",
}
"""Files that are not texts, and what to do. v1 does not read compressed files either."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf32",  # begins as UTF-16 does
    codecs.BOM_UTF32_BE: "utf32",
    codecs.BOM_UTF16_LE: "utf16",
    codecs.BOM_UTF16_BE: "utf16",
}
"""The marks that begin a text in another encoding than UTF-8."""


def check_beginning(beginning: bytes, address: str, encoding: str) -> None:
    """Check the first :data:`COUNT` bytes of a text. ``encoding`` is v1's name.

    In many encodings, any bytes are a text: without this check, a compressed file would be one.

    Raises:
        DatasetExecutionError: the file is compressed or an archive, or has the mark of another
            encoding.
    """
    other = next((text for first, text in _OTHERS.items() if beginning.startswith(first)), None)
    if other is not None:
        raise DatasetExecutionError(f"{address!r} is {other}")
    marked = next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), encoding)
    if marked != encoding:
        label = f"UTF-{marked.removeprefix('utf')}"
        raise DatasetExecutionError(f"{address!r} is a text in {label}. Pass encoding={marked!r}.")


@contextmanager
def open_text(stream: Any, address: str, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Read a stream of bytes as text, with its line breaks. The stream is not closed.

    Raises:
        DatasetExecutionError: see :func:`check_beginning`.
    """
    # The stream of a web server may not be able to go back, so the bytes are only looked at.
    buffer = io.BufferedReader(stream)
    codec = ENCODINGS[encoding]
    try:
        check_beginning(buffer.peek(COUNT)[:COUNT], address, encoding)
        lines = io.TextIOWrapper(buffer, "utf-8-sig" if codec == "utf-8" else codec, newline="")
        try:
            yield lines
        finally:
            lines.detach()
    finally:
        buffer.detach()
