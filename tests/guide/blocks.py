"""The fenced blocks of README.md and docs/, found by the name in a comment before each.

<!-- block: example -->
```python
…
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((PROJECT / "docs").glob("*.md")),
]
EXECUTED = {"shell", "sh", "bash", "console", "python", "yaml", "toml", "json", "text", ""}
"""The languages of blocks that a test must execute, read or compare. A diagram is another one."""

_NAME = re.compile(r"<!-- block: ([a-z][a-z0-9-]*) -->")
_FENCE = re.compile(r" *(`{3,}|~{3,}) *(\S*)")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``name`` is None if no comment before it names it."""

    name: str | None
    language: str
    text: str
    page: Path
    line: int

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} ({self.language or 'no language'})"


def read_blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in their order."""
    blocks: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    start: int | None = None
    for index, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if start is None:
            start, opening, language = index, fence[1], fence[2]
        elif line.strip() == opening:
            named = _NAME.fullmatch(lines[start - 1].strip()) if start else None
            text = "".join(lines[start + 1 : index])
            name = named[1] if named else None
            blocks.append(Block(name, language, text, page, start + 1))
            start = None
    assert start is None, f"{page.name}: the block of line {start} is not closed."
    return blocks


@cache
def all_blocks() -> list[Block]:
    """All fenced blocks of all pages."""
    return [block for page in PAGES for block in read_blocks(page)]


def block(name: str) -> str:
    """The text of the block of this name, whichever page it is on."""
    texts = [each.text for each in all_blocks() if each.name == name]
    assert len(texts) == 1, f"{len(texts)} blocks are named {name!r}."
    return texts[0]
