"""Output without what differs from run to run."""

from __future__ import annotations

import re
from pathlib import Path


def masked(text: str, folder: Path) -> str:
    """The text without what differs from run to run, and without the widths of columns."""
    for pattern, shown in (
        (re.escape(str(folder)), "/project"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME"),
        (r"\b[a-z]+-[a-z]+-\d+\b", "NAME"),
        (r"\b\d:\d\d:\d\d\b", "DURATION"),
        (r'("user_id"|"created_by"): "[^"]*"', r'\1: "USER"'),
        (r"--+", "--"),
        (r"[ \t]+", " "),
        (r" *\n", "\n"),
    ):
        text = re.sub(pattern, shown, text)
    return text.strip()
