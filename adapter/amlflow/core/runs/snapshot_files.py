"""The files of snapshots, read without unpacking, and the differences of two snapshots."""

from __future__ import annotations

import difflib
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from amlflow.exceptions import SnapshotException
from amlflow.jobs.snapshot import check_digest
from amlflow.jobs.unpack import BROKEN, ENCRYPTED, METHODS, open_archive
from amlflow.spec import Tracker

MAX_FILES = 200
"""How many files are compared line by line."""
MAX_TEXT = 200_000
"""The largest file, in bytes, whose lines are compared."""
MAX_LINES = 4000
"""A file with more lines is not compared. The time grows with the square of the lines."""
MAX_DIFF = 100_000
"""How many characters of a file's difference are returned."""
TIME_S = 10.0
"""After this time, no further files are compared line by line."""

Files = Mapping[str, zipfile.ZipInfo]


@contextmanager
def open_snapshot(tracker: Tracker, digest: str | None) -> Iterator[zipfile.ZipFile | None]:
    """Open a snapshot's archive. Yields None if ``digest`` is None.

    Raises:
        SnapshotException: ``digest`` is not a snapshot's id, or the snapshot cannot be read.
    """
    if digest is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        archive = Path(folder, "snapshot.zip")
        tracker.get_snapshot(check_digest(digest), archive)
        try:
            content = stack.enter_context(open_archive(archive))
        except BROKEN as error:
            raise SnapshotException(
                f"Snapshot {digest} is not a valid zip archive: {error}. Store it again with "
                "run.take_snapshot()."
            ) from error
        yield content


def files_of(archive: zipfile.ZipFile | None) -> Files:
    """Return the files of a snapshot by name."""
    if archive is None:
        return {}
    return {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}


def different_names(left: Files, right: Files) -> list[str]:
    """Return the names of files that are in one snapshot only, or whose contents differ."""
    return [
        name
        for name in sorted({*left, *right})
        if name not in left
        or name not in right
        or (left[name].file_size, left[name].CRC) != (right[name].file_size, right[name].CRC)
    ]


def diff_snapshots(
    tracker: Tracker, left_digest: str | None, right_digest: str | None
) -> dict[str, Any]:
    """Return the files that differ between two snapshots, with the lines that differ.

    An entry of ``files`` has ``name``, ``sizes`` (in bytes; None if a snapshot lacks the file) and
    ``diff`` in the unified format. If the lines were not compared, ``diff`` is None and ``reason``
    says why. ``count`` is the number of all files that differ. ``files`` has at most
    :data:`MAX_FILES` of them.

    Raises:
        SnapshotException: an argument is not a snapshot's id, or a snapshot cannot be read.
    """
    if left_digest == right_digest:
        return {"files": [], "count": 0}
    with (
        open_snapshot(tracker, left_digest) as left,
        open_snapshot(tracker, right_digest) as right,
    ):
        sides = (left, files_of(left)), (right, files_of(right))
        names = different_names(sides[0][1], sides[1][1])
        end = time.monotonic() + TIME_S
        files = [_diff(name, sides, end) for name in names[:MAX_FILES]]
        return {"files": files, "count": len(names)}


def _diff(
    name: str, sides: tuple[tuple[zipfile.ZipFile | None, Files], ...], end: float
) -> dict[str, Any]:
    sizes = [files[name].file_size if name in files else None for _, files in sides]
    difference: dict[str, Any] = {"name": name, "sizes": sizes, "diff": None, "reason": None}
    if time.monotonic() > end:
        return {**difference, "reason": "comparing the files before it took too long"}
    texts: list[list[str]] = []
    for archive, files in sides:
        lines = _read_lines(archive, files.get(name))
        if isinstance(lines, str):
            return {**difference, "reason": lines}
        texts.append(lines)
    left, right = texts
    text = "\n".join(difflib.unified_diff(left, right, fromfile=name, tofile=name, lineterm=""))
    if len(text) > MAX_DIFF:
        return {**difference, "reason": f"its difference has over {MAX_DIFF} characters"}
    return {**difference, "diff": text}


def _read_lines(archive: zipfile.ZipFile | None, entry: zipfile.ZipInfo | None) -> list[str] | str:
    """Return a file's lines, or a text that says why they are not compared.

    A missing file has no lines.
    """
    if archive is None or entry is None:
        return []
    if entry.flag_bits & ENCRYPTED:
        return "it is encrypted"
    if entry.compress_type not in METHODS:
        return "it is packed in another way than snapshots are"
    try:
        with archive.open(entry) as file:
            content = file.read(MAX_TEXT + 1)  # the size in the archive may be wrong
    except (*BROKEN, OSError):
        return "the archive is broken there"
    if len(content) > MAX_TEXT:
        return f"it has over {MAX_TEXT} bytes"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not a text"
    if "\0" in text:
        return "it is not a text"
    lines = text.splitlines()
    return lines if len(lines) <= MAX_LINES else f"it has over {MAX_LINES} lines"
