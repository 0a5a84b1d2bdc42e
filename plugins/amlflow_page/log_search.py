"""Finds lines in a run's log: by a text, by their number, or the first that tells of an error.

The log is read piece by piece, so its size does not matter; a search that takes too long says how
far it has come.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amlflow_page.filters import WrongRequest, argument_of

Read = Callable[[int], tuple[bytes, int]]
"""What a log holds from an offset on, and its whole size; see :func:`amlflow_page.logs.piece`."""
MAX_WANTED = 1000
"""Characters of a text that is searched for."""
MAX_LINE = 1 << 20
"""Bytes of a line; a longer one counts as several."""
CONTEXT = 20
"""Lines before a line that are shown with it."""
TIME_S = 5.0
ERRORS = re.compile(
    rb"^(Traceback \(most recent call last\)"
    rb"|.*\b(ERROR|CRITICAL|FATAL)\b"
    rb"|.*\b([Ff]atal|[Ee]rror):"
    rb"|[\w.]*(Error|Exception)\b)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Line:
    """A line of a log: where it begins, in bytes, and its number, from 1."""

    offset: int
    line: int


@dataclass(frozen=True)
class Wanted:
    """What is searched for from a line on: a pattern, a line's number, or the line at an offset."""

    start: Line
    pattern: re.Pattern[bytes] | None = None
    number: int | None = None
    until: int | None = None


def parse_request(query: Mapping[str, str]) -> Wanted:
    """A request for ``text``, ``number``, ``until`` or else for errors.

    ``offset`` and ``line`` are those of the line that the search begins with, the first line if
    left out. Raises :class:`WrongRequest`.
    """
    start = Line(_whole(query, "offset", 0), _whole(query, "line", 1))
    text = query.get("text")
    if text is not None:
        if not 0 < len(text) <= MAX_WANTED:
            raise WrongRequest(f"'text' has 1 to {MAX_WANTED} characters, and not {len(text)}.")
        return Wanted(start, re.compile(re.escape(text.encode("utf-8", "replace")), re.IGNORECASE))
    if "number" in query:
        return Wanted(start, number=_whole(query, "number", 1))
    if "until" in query:
        return Wanted(start, until=_whole(query, "until", 0))
    return Wanted(start, ERRORS)


def _whole(query: Mapping[str, str], key: str, default: int) -> int:
    number = argument_of(query, key, default)
    if number < 0:
        raise WrongRequest(f"{key!r} should not be negative, and is {number}.")
    return number


def find_line(read: Read, wanted: Wanted, time_s: float = TIME_S) -> dict[str, Any]:
    """The first line that is wanted: ``found`` with ``offset`` and ``line``, or None.

    ``context`` is a line some lines before it. ``stopped`` is the line that the search has come to
    without an end, if it took too long.
    """
    deadline = time.monotonic() + time_s
    position, rest, context = wanted.start, b"", [wanted.start]
    while True:
        content, size = read(position.offset + len(rest))
        is_last = not content or position.offset + len(rest) + len(content) >= size
        block = rest + content
        if not is_last:
            end = block.rfind(b"\n") + 1
            if not end and len(block) < MAX_LINE:
                rest = block
                continue
            block, rest = (block[:end], block[end:]) if end else (block, b"")
        place = _search(block, position, wanted)
        if place is not None:
            found = _line_at(block, position, place)
            before = _some_lines_before(block, position, found) or context[-1]
            return {"found": asdict(found), "context": asdict(before), "stopped": None}
        if is_last:
            return {"found": None, "context": None, "stopped": None}
        context = [_some_lines_before(block, position, None) or position]
        position = Line(position.offset + len(block), position.line + block.count(b"\n"))
        if time.monotonic() > deadline:
            return {"found": None, "context": None, "stopped": asdict(position)}


def _search(block: bytes, position: Line, wanted: Wanted) -> int | None:
    """The place in a block of whole lines of what is wanted."""
    if wanted.pattern is not None:
        match = wanted.pattern.search(block)
        return None if match is None else match.start()
    if wanted.until is not None:
        place = wanted.until - position.offset
        return place if place < len(block) else None
    number = wanted.number or 1
    lines = number - position.line
    if lines > block.count(b"\n"):
        return None
    place = 0
    for _ in range(lines):
        place = block.index(b"\n", place) + 1
    return place if place < len(block) else None


def _line_at(block: bytes, position: Line, place: int) -> Line:
    start = block.rfind(b"\n", 0, max(0, place)) + 1
    return Line(position.offset + start, position.line + block.count(b"\n", 0, start))


def _some_lines_before(block: bytes, position: Line, line: Line | None) -> Line | None:
    """The line :data:`CONTEXT` lines before a line of the block, or before the block's end.

    None if the block has fewer before it.
    """
    end = len(block) if line is None else line.offset - position.offset
    start = end
    for _ in range(CONTEXT):
        start = block.rfind(b"\n", 0, max(0, start - 1)) + 1
        if start == 0:
            break
    if start == 0 and position.offset > 0 and line is not None:
        return None
    return _line_at(block, position, start)
