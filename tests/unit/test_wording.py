"""Messages, docstrings, comments and pages say "is not a folder", never "is no folder"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SUFFIXES = {".py", ".js", ".md", ".txt", ".toml", ".yaml", ".yml", ".sh", ".css", ""}
PATTERN = re.compile(r"""\bis[\s"'f#*/]+no\b(?!\s+longer\b)""", re.IGNORECASE)
"""As one text: the end of a line, of a literal or of a comment's line may be between the words."""


def files() -> Iterator[Path]:
    yield from PROJECT.glob("*.md")
    for folder in ("adapter", "plugins", "docs", "compose"):
        for path in (PROJECT / folder).rglob("*"):
            if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                yield path


def found(text: str) -> list[int]:
    """The lines in which the pattern begins."""
    return [text.count("\n", 0, match.start()) + 1 for match in PATTERN.finditer(text)]


def test_nothing_is_no_thing() -> None:
    places = [
        f"{path.relative_to(PROJECT)}:{line}"
        for path in files()
        for line in found(path.read_text(encoding="utf-8"))
    ]
    assert places == [], 'Write "is not a …", or "X does not exist".'


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
