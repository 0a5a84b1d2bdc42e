"""Says why runs failed: one line for each run, and groups of runs with a similar reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from amlflow.spec import RunRecord, Status
from amlflow.terminal_texts import plain_text
from amlflow.tracker_notes import parse_error

MAX_REASON = 300
"""The most characters of a reason."""
MAX_GROUPS = 20
TRACEBACK = "Traceback (most recent call last)"
_VARYING = re.compile(r"\S*\d\S*")
"""Words with digits, which differ between similar reasons: numbers, sizes, paths and addresses."""


def describe(record: RunRecord) -> dict[str, str | None] | None:
    """Return the run's error: ``message``, ``code`` and ``traceback``; None without an error.

    Message and traceback are plain texts: a terminal's colours are left out.
    """
    if record.status not in (Status.FAILED, Status.CANCELED):
        return None
    note = parse_error(record)
    if note is None:
        return None
    error = note["error"]
    traceback = error.get("stackTrace")
    traceback = plain_text(traceback) if isinstance(traceback, str) else ""
    return {
        "message": plain_text(error["message"]),
        "code": error.get("code"),
        "traceback": traceback if traceback.strip() else None,
    }


def reason(record: RunRecord) -> str | None:
    """Return one line that says why a run failed.

    It is the first line of the error's message, or the last line if the message is a traceback.
    Returns None if the run has not failed or has no error.
    """
    error = describe(record) if record.status == Status.FAILED else None
    if error is None:
        return None
    message = error["message"] or ""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return error["code"]
    return lines[-1 if TRACEBACK in message else 0][:MAX_REASON]


@dataclass
class Group:
    """Runs whose reasons differ only in words with digits: the first one's reason, and a count."""

    reason: str
    words: str
    count: int = 0


def group(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Group failed runs by reason, and return the groups, the most frequent first.

    Each group has ``reason``, ``count`` and ``text``: a text search for these words finds the
    group's runs. Runs without a reason are left out.
    """
    groups: dict[str, Group] = {}
    for record in records:
        line = reason(record)
        if line is None:
            continue
        words = " ".join(_VARYING.sub(" ", line).split()) or line
        groups.setdefault(words, Group(line, words)).count += 1
    frequent = sorted(groups.values(), key=lambda item: -item.count)[:MAX_GROUPS]
    return [{"reason": item.reason, "count": item.count, "text": item.words} for item in frequent]
