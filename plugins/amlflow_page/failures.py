"""Why runs failed: one line for each, and groups of runs that failed alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from amlflow.spec import RunRecord, Status
from amlflow.tracker_notes import parse_error

MAX_REASON = 300
"""Characters of a reason."""
MAX_GROUPS = 20
TRACEBACK = "Traceback (most recent call last)"
_VARYING = re.compile(r"\S*\d\S*")
"""Words that differ between runs that failed alike: numbers, sizes, paths and addresses."""


def describe(record: RunRecord) -> dict[str, str | None] | None:
    """The run's error: ``message``, ``code`` and ``traceback``; None if it has none."""
    if record.status not in (Status.FAILED, Status.CANCELED):
        return None
    note = parse_error(record)
    if note is None:
        return None
    error = note["error"]
    traceback = error.get("stackTrace")
    return {
        "message": error["message"],
        "code": error.get("code"),
        "traceback": traceback if isinstance(traceback, str) and traceback.strip() else None,
    }


def reason(record: RunRecord) -> str | None:
    """Why a run failed, in one line: the first of its error's message, or the last of a traceback.

    None if the run has not failed or does not say why.
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
    """Runs whose reasons differ in numbers only: the newest one's reason, and their count."""

    reason: str
    words: str
    count: int = 0


def group(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """The failed runs by reason, the most frequent first.

    Each group has ``reason``, ``count`` and ``text``, the words by which a text search finds its
    runs. Runs that do not say why are left out.
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
