"""The sentence that says what a run in a cluster's queue waits for."""

from __future__ import annotations

from amlflow.spec import RunRecord, Status
from amlflow.tracker_notes import parse_waiting


def waiting_text(record: RunRecord) -> str | None:
    """Say what a queued run's job waits for, such as "waiting: Resources, 3 jobs before it"."""
    waiting = parse_waiting(record)
    if waiting is None or record.status != Status.QUEUED:
        return None
    jobs = "job" if waiting.before == 1 else "jobs"
    before = f", {waiting.before} {jobs} before it" if waiting.before else ""
    attempt = f" (attempt {waiting.attempt})" if waiting.attempt > 1 else ""
    return f"waiting: {waiting.reason or 'for its turn'}{before}{attempt}"
