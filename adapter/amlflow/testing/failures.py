"""Explains a failed test of a suite: the broken sentence, and the smallest difference.

The docstring of a test quotes sentences. A comment in the test names one of them by its beginning.
The lines after the comment test this sentence::

    # transition: A run has an end time
    assert record.ended is None

If one of these lines fails, this sentence is named. Without such a comment, all sentences of the
docstring are named. A test that compares many cases at once raises :class:`BrokenSentence` instead.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, TracebackType
from typing import Any

SHOWN = 200
"""The most characters of a value that are shown."""
AROUND = 20
"""The number of characters that are shown on each side of the first difference of long texts."""
ABSENT = object()
_COMMENT = re.compile(r"\s*# (?=[\w.]+: )")


class BrokenSentence(AssertionError):
    """An error of a test that knows which of its sentences does not hold.

    ``beginning`` is the beginning of the sentence.
    """

    def __init__(self, beginning: str, message: str) -> None:
        super().__init__(message)
        self.beginning = beginning


def broken_sentences(
    function: Any, traceback: TracebackType | None, error: BaseException | None = None
) -> list[str]:
    """Return the sentences of a failed test that do not hold, by the place where it failed."""
    sentences = quoted_sentences(function)
    if isinstance(error, BrokenSentence):
        return [each for each in sentences if each.startswith(error.beginning)] or sentences
    line = _failed_line(function.__code__, traceback)
    if line is None:
        return sentences
    _, first = inspect.getsourcelines(function)
    return sentences_at(function, line - first)


def sentences_at(function: Any, index: int) -> list[str]:
    """Return the sentences that are named if a test fails at a line; its first line is 0."""
    sentences = quoted_sentences(function)
    if len(sentences) < 2:
        return sentences
    lines, _ = inspect.getsourcelines(function)
    beginnings = tuple(_comment_above(lines, index))
    return [each for each in sentences if each.startswith(beginnings)] or sentences


def quoted_sentences(function: Any) -> list[str]:
    """Return the sentences that a docstring quotes: ``owner: sentence``.

    An indented line continues the sentence before it.
    """
    lines = inspect.getdoc(function) or ""
    return [" ".join(each.split()) for each in re.split(r"\n(?=\S)", lines) if each]


def comments_of(function: Any) -> list[str]:
    """Return the beginnings of sentences that the comments of a test name."""
    lines, _ = inspect.getsourcelines(function)
    return [_COMMENT.sub("", line).strip() for line in lines if _COMMENT.match(line)]


def _failed_line(code: CodeType, traceback: TracebackType | None) -> int | None:
    """Return the line at which a test failed, in the test or in a function within it, or None."""
    codes, failed = _codes(code), None
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            failed = traceback.tb_lineno
        traceback = traceback.tb_next
    return failed


def _codes(code: CodeType) -> set[CodeType]:
    parts = [part for part in code.co_consts if isinstance(part, CodeType)]
    return {code}.union(*map(_codes, parts))


def _comment_above(lines: Sequence[str], index: int) -> list[str]:
    """Return the nearest comment above a line, in the same block or in a block around it.

    It may have several lines, and each is the beginning of a sentence.
    """
    depth = _depth(lines[index])
    beginnings: list[str] = []
    for line in reversed(lines[:index]):
        if _COMMENT.match(line) and _depth(line) <= depth:
            beginnings.append(_COMMENT.sub("", line).strip())
        elif beginnings:
            break
        elif line.strip():
            depth = min(depth, _depth(line))
    return beginnings


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def explain_difference(actual: Any, expected: Any) -> list[str] | None:
    """Return lines for pytest that show the smallest part in which two values differ.

    Returns None if pytest's own explanation is as good.
    """
    for path, one, other in _differences(actual, expected):
        if not path:
            return None
        texts = _show(one, other)
        return [f"{path} is not as expected", f"actual:   {texts[0]}", f"expected: {texts[1]}"]
    return None


def _differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts in which two values differ, each with its path."""
    if one is ABSENT or other is ABSENT:
        yield path, one, other
    elif one == other:
        return
    elif dataclasses.is_dataclass(one) and type(one) is type(other):
        for field in dataclasses.fields(one):
            parts = getattr(one, field.name), getattr(other, field.name)
            yield from _differences(*parts, f"{path}.{field.name}")
    elif isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**other, **one}:
            parts = one.get(key, ABSENT), other.get(key, ABSENT)
            yield from _differences(*parts, f"{path}[{_short(key)}]")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        for index in range(max(len(one), len(other))):
            items = [each[index] if index < len(each) else ABSENT for each in (one, other)]
            yield from _differences(items[0], items[1], f"{path}[{index}]")
    elif isinstance(one, set | frozenset) and isinstance(other, set | frozenset):
        for item in sorted(one ^ other, key=repr):
            members = [item if item in each else ABSENT for each in (one, other)]
            yield from _differences(members[0], members[1], f"{path}{{…}}")
    else:
        yield path, one, other


def _show(one: Any, other: Any) -> tuple[str, str]:
    """Return two values as texts. Of long texts, only the part around the first difference."""
    if isinstance(one, str) and isinstance(other, str) and max(len(one), len(other)) > SHOWN:
        pairs = zip(one, other, strict=False)
        at = next((n for n, pair in enumerate(pairs) if pair[0] != pair[1]), None)
        start = max(0, (min(len(one), len(other)) if at is None else at) - AROUND)
        return tuple(  # type: ignore[return-value]
            f"{text[start : start + 2 * AROUND]!a} from character {start} of {len(text)}"
            for text in (one, other)
        )
    return _short(one), _short(other)


def _short(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    text = ascii(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
