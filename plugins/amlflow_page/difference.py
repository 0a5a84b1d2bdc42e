"""The difference of two runs: values, environment, command, and lines of their source files."""

from __future__ import annotations

from typing import Any

from amlflow.core.runs.comparison import compare_records
from amlflow.core.runs.snapshot_files import diff_snapshots
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY
from amlflow.exceptions import SnapshotException
from amlflow.query.document import Documents
from amlflow.spec import Refused, RunRecord, Tracker

from amlflow_page import all_runs
from amlflow_page.run_details import command, metrics

SECTIONS = ("params", "properties", "tags", "environment")
MAX_ENTRIES = 500
"""The most entries of a section that are sent."""
MAX_TEXT = 2000
"""The most characters of a value that are sent."""


def page(tracker: Tracker, left_id: str, right_id: str) -> dict[str, Any]:
    """Return the rows of two runs as ``runs``, and their :func:`difference`."""
    left, right = tracker.get_run(left_id), tracker.get_run(right_id)
    documents = Documents({})
    rows = [all_runs.row(documents, record) for record in (left, right)]
    return {"runs": rows, **difference(tracker, left, right)}


def difference(tracker: Tracker, left: RunRecord, right: RunRecord) -> dict[str, Any]:
    """Return the ``sections`` in which two runs differ, and the ``files`` of their snapshots.

    A section has ``name``, ``entries`` and ``count``, the number of all its entries. An entry is a
    key and the value of each run, None if a run lacks it. Metrics are compared by their last
    value; the status is not compared. The files have the form of
    :func:`amlflow.core.runs.snapshot_files.diff_snapshots`. If a snapshot does not exist or cannot
    be read, ``unread`` says why, and the rest is compared.
    """
    records = left, right
    compared = compare_records(tracker, left, right)
    sections = {name: compared[name] for name in SECTIONS}
    sections["properties"].pop(SNAPSHOT_PROPERTY, None)  # the files say what differs
    commands = [command(record) for record in records]
    sections["command"] = {"command": commands} if commands[0] != commands[1] else {}
    values = [_values(tracker, record) for record in records]
    sections["metrics"] = {
        name: pair
        for name in sorted({*values[0], *values[1]})
        if (pair := [side.get(name) for side in values])[0] != pair[1]
    }
    return {
        "sections": [_section(name, entries) for name, entries in sections.items() if entries],
        **_files(tracker, *(record.properties.get(SNAPSHOT_PROPERTY) for record in records)),
    }


def _files(tracker: Tracker, left: str | None, right: str | None) -> dict[str, Any]:
    try:
        return diff_snapshots(tracker, left, right)
    except (SnapshotException, Refused) as error:
        return {"files": [], "count": 0, "unread": error.message}


def _values(tracker: Tracker, record: RunRecord) -> dict[str, Any]:
    summaries = metrics(tracker, record.id)["metrics"]
    return {item["name"]: item.get("last", item.get("value")) for item in summaries}


def _section(name: str, entries: dict[str, list[Any]]) -> dict[str, Any]:
    shown = list(entries.items())[:MAX_ENTRIES]
    return {
        "name": name,
        "entries": [[key, *(_cut(value) for value in pair)] for key, pair in shown],
        "count": len(entries),
    }


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
