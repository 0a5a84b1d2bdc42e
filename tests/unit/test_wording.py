"""Messages, docstrings, comments and pages say "is not a folder", never "is no folder"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SUFFIXES = {".py", ".js", ".md", ".txt", ".toml", ".yaml", ".yml", ".sh", ".css", ""}
PATTERN = re.compile(r"""\bis[\s"'f#*/]+no\b(?!\s+longer\b)""", re.IGNORECASE)
"""As one text: the end of a line, of a literal or of a comment's line may be between the words."""
ODD = re.compile(
    r"""(?<!there )(?<!default )\bis none[.;]|\b(?:is|are) one of these\."""
    r"""|\bwithout a word\b|\banew\b|\botherwise than\b|\bof which there\b"""
    r"""|[.:] Who (?:has|may|wants)\b"""
)
"""What has to be read twice: "99999 is none.", "It is one of these.", "Who has it may use it."."""

OFTEN_ODD = (
    "is none", "one of these.", "without a word", "anew", "otherwise than", "of which there",
    " Who ",
)  # fmt: skip
"""A text without any of them has no match. Looking for them takes a tenth of the time."""


def files() -> Iterator[Path]:
    yield from PROJECT.glob("*.md")
    for folder in ("adapter", "plugins", "docs", "compose"):
        for path in (PROJECT / folder).rglob("*"):
            if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                yield path


@cache
def texts() -> dict[str, str]:
    """The text of each file, by its path."""
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in files()
    }


def found(text: str, pattern: re.Pattern[str] = PATTERN) -> list[int]:
    """The lines in which the pattern begins."""
    if pattern is ODD and not any(words in text for words in OFTEN_ODD):
        return []
    return [text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)]


def test_nothing_is_no_thing() -> None:
    lines = [f"{name}:{line}" for name, text in texts().items() for line in found(text)]
    assert lines == [], 'Write "is not a …", or "X does not exist".'


def test_a_message_is_read_once() -> None:
    lines = [f"{name}:{line}" for name, text in texts().items() for line in found(text, ODD)]
    assert lines == [], "Name the thing again, or say what it must be."


@pytest.mark.parametrize(
    "text",
    [
        "--port takes a number, and 'x' is none.",
        "Run 1 is one of these.",
        "The build ended without a word",
        "The list was read anew.",
        "It is laid out otherwise than now.",
        "Save yours: Who has EDIT may change it.",
    ],
)
def test_what_is_read_twice_is_found(text: str) -> None:
    assert len(found(text, ODD)) == 1


@pytest.mark.parametrize("text", ["None if there is none.", "Who is it?", "The default is none."])
def test_what_is_clear_is_not(text: str) -> None:
    assert found(text, ODD) == []


@pytest.mark.parametrize(
    "text",
    [
        "'src' is no folder.",
        "There is no run 'x'.",
        "# A comment that is\n    # no joy.",
        'f"{name!r} is "\n    f"no name."',
        "Nothing is no thing.",
        "// which is\n// no array",
        "a docstring is\n    no place",
    ],
)
def test_the_pattern_is_found(text: str) -> None:
    assert len(found(text)) == 1


@pytest.mark.parametrize("text", ["It is no longer there.", "It is not a folder.", "this notion"])
def test_other_words_are_not(text: str) -> None:
    assert found(text) == []
