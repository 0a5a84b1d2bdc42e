"""Finds lines in a run's log: by a text, by their number, or the first that tells of an error.

The log is read piece by piece, so it may be of any size. What is searched is what the page shows:
plain text without colours. A search that takes too long stops, and says which line it has reached.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amlflow.terminal_texts import plain_text

from amlflow_page.filters import WrongRequest, argument_of

Read = Callable[[int], tuple[bytes, int]]
"""Returns the log's bytes from an offset on, and its size: see :func:`amlflow_page.logs.piece`."""
MAX_WANTED = 1000
"""The most characters of a text that is searched for."""
MAX_LINE = 1 << 20
"""The most bytes of a line; a longer line counts as several."""
MAX_HITS = 1000
"""The most lines of an answer of :func:`find_all`."""
CONTEXT = 20
"""The number of lines that are shown before a line that was found."""
TIME_S = 5.0
ERRORS = re.compile(
    r"Traceback \(most recent call last\)"  # may follow a progress bar or the name of a rank
    r"|\b(ERROR|CRITICAL|FATAL)\b"
    r"|\b([Ff]atal|[Ee]rror):"
    r"|^[\w.]*(Error|Exception)\b",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Line:
    """A line of a log: the offset of its begin in bytes, and its number from 1."""

    offset: int
    line: int


@dataclass(frozen=True)
class Wanted:
    """A search from the line ``start`` on: for a text, errors, a line's number, or an offset.

    ``text`` is in the form that ``casefold`` gives.
    """

    start: Line
    text: str | None = None
    errors: bool = False
    number: int | None = None
    until: int | None = None


def parse_request(query: Mapping[str, str]) -> Wanted:
    """Parse a request for a ``text``, a ``number`` or an offset ``until``; else for errors.

    The search begins at the line with this ``offset`` and this number ``line``, or at the log's
    first line if they are left out. Raises :class:`WrongRequest`.
    """
    start = Line(_whole(query, "offset", 0), _whole(query, "line", 1))
    text = query.get("text")
    if text is not None:
        if not 0 < len(text) <= MAX_WANTED:
            raise WrongRequest(f"'text' has 1 to {MAX_WANTED} characters, and not {len(text)}.")
        return Wanted(start, text=text.casefold())
    if "number" in query:
        return Wanted(start, number=_whole(query, "number", 1))
    if "until" in query:
        return Wanted(start, until=_whole(query, "until", 0))
    return Wanted(start, errors=True)


def _whole(query: Mapping[str, str], key: str, default: int) -> int:
    number = argument_of(query, key, default)
    if number < 0:
        raise WrongRequest(f"{key!r} should not be negative, and is {number}.")
    return number


def find_line(read: Read, wanted: Wanted, time_s: float = TIME_S) -> dict[str, Any]:
    """Return the first line that is wanted as ``found``: its ``offset`` and its number ``line``.

    ``found`` is None if no line is found. ``next`` is the line after it, from which to search for
    the next one. ``context`` is a line some lines before it, from which to show the log. If the
    search took too long, ``stopped`` is the line that it has reached: continue there.
    """
    deadline = time.monotonic() + time_s
    context = wanted.start
    for block, position in _blocks(read, wanted.start):
        if time.monotonic() > deadline and position != wanted.start:
            return _answer(stopped=position)
        place = _search(block, position, wanted)
        if place is not None:
            found = _line_at(block, position, place)
            before = _some_lines_before(block, position, found) or context
            return _answer(found=found, next=_line_after(block, position, place), context=before)
        context = _some_lines_before(block, position, None) or position
    return _answer()


def find_all(read: Read, wanted: Wanted, time_s: float = TIME_S) -> dict[str, Any]:
    """Return the lines with a text as ``hits``, each with ``offset``, ``line`` and ``context``.

    ``next`` is the line from which to search for further ones: after the last line of the log that
    is complete, or earlier if the search took too long or there are :data:`MAX_HITS` lines. Only in
    the first case, ``is_end`` is true.
    """
    deadline = time.monotonic() + time_s
    after = context = wanted.start
    hits = list[dict[str, Any]]()
    for block, position in _blocks(read, wanted.start):
        if time.monotonic() > deadline and position != wanted.start:
            return {"hits": hits, "next": asdict(position), "is_end": False}
        after = position
        for found, after in _lines_with_text(block, position, wanted.text or ""):
            before = _some_lines_before(block, position, found) or context
            hits.append({**asdict(found), "context": asdict(before)})
            if len(hits) == MAX_HITS:
                return {"hits": hits, "next": asdict(after), "is_end": False}
        context = _some_lines_before(block, position, None) or position
        end = _line_at(block, position, len(block))  # a line that goes on is searched again
        after = max(after, end, key=lambda line: line.offset)
    return {"hits": hits, "next": asdict(after), "is_end": True}


def _blocks(read: Read, start: Line) -> Iterator[tuple[bytes, Line]]:
    """Yield a log from a line on in blocks of whole lines, each with its first line.

    The last block may end with a line that is not complete, and a block may be a part of a line
    that is longer than :data:`MAX_LINE`.
    """
    position, rest = start, b""
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
        yield block, position
        if is_last:
            return
        position = Line(position.offset + len(block), position.line + block.count(b"\n"))


def _lines_with_text(block: bytes, position: Line, text: str) -> Iterator[tuple[Line, Line]]:
    """Yield the lines of a block that have the text, each with the line after it."""
    shown = plain_text(block.decode("utf-8", "replace")).casefold()
    at = start = number = 0
    while (found := shown.find(text, at)) >= 0:
        for _ in range(shown.count("\n", at, found)):
            start = block.index(b"\n", start) + 1
            number += 1
        line = Line(position.offset + start, position.line + number)
        at = shown.find("\n", found) + 1
        if not at:
            yield line, Line(position.offset + len(block), line.line)
            return
        start = block.index(b"\n", start) + 1
        number += 1
        yield line, Line(position.offset + start, position.line + number)


def _line_after(block: bytes, position: Line, place: int) -> Line:
    """Return the line after that at an offset in a block, or the block's end."""
    end = block.find(b"\n", place) + 1 or len(block)
    return Line(position.offset + end, position.line + block.count(b"\n", 0, end))


def _answer(**lines: Line) -> dict[str, Any]:
    nothing = {"found": None, "next": None, "context": None, "stopped": None}
    return {**nothing, **{name: asdict(line) for name, line in lines.items()}}


def _search(block: bytes, position: Line, wanted: Wanted) -> int | None:
    """Return the offset in a block of whole lines where the wanted text or line is, or None."""
    if wanted.errors or wanted.text is not None:
        shown = plain_text(block.decode("utf-8", "replace"))
        if wanted.text is None:
            match = ERRORS.search(shown)
            found = -1 if match is None else match.start()
        else:
            shown = shown.casefold()
            found = shown.find(wanted.text)
        return None if found < 0 else _start_of_line(block, shown.count("\n", 0, found))
    if wanted.until is not None:
        place = wanted.until - position.offset
        return place if place < len(block) else None
    number = wanted.number or 1
    lines = number - position.line
    if lines > block.count(b"\n"):
        return None
    place = _start_of_line(block, lines)
    return place if place < len(block) else None


def _start_of_line(block: bytes, number: int) -> int:
    """Return the offset of a line in a block. The first line's number is 0."""
    place = 0
    for _ in range(number):
        place = block.index(b"\n", place) + 1
    return place


def _line_at(block: bytes, position: Line, place: int) -> Line:
    start = block.rfind(b"\n", 0, max(0, place)) + 1
    return Line(position.offset + start, position.line + block.count(b"\n", 0, start))


def _some_lines_before(block: bytes, position: Line, line: Line | None) -> Line | None:
    """Return the line :data:`CONTEXT` lines before a line, or before the block's end.

    Returns None if the block has fewer lines before ``line`` and does not begin the log.
    """
    end = len(block) if line is None else line.offset - position.offset
    start = end
    for _ in range(CONTEXT):
        start = block.rfind(b"\n", 0, max(0, start - 1)) + 1
        if start == 0:
            break
    if start == 0 and position.offset > 0 and line is not None:
        return None
    if line is None:
        return _line_at(block, position, start)
    return Line(position.offset + start, line.line - block.count(b"\n", start, end))
