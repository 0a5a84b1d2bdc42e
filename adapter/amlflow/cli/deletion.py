"""Commands that delete and restore runs."""

from __future__ import annotations

from typing import Any

from amlflow.cli.scope import Where
from amlflow.core.runs.base import record_of
from amlflow.core.store import tracker_of
from amlflow.exceptions import UserErrorException
from amlflow.spec import FINAL, UNSTARTED


def delete(*, run_id: str, **where: Any) -> str:
    """``run delete``: no list shows the run until it is restored."""
    run = Where(**where).run(run_id)
    status = run.get_status()
    if status not in FINAL | UNSTARTED:
        raise UserErrorException(
            f"Run {run.id} is {status}, so its process still logs to it. End it first: "
            f"`amlflow run cancel -r {run.id}`, or `amlflow run mark-failed -r {run.id}` if its "
            "process is gone."
        )
    tracker_of(run.experiment).delete_run(record_of(run).id)
    return f"Run {run.id} was deleted. `amlflow run restore -r {run.id}` brings it back."


def restore(*, run_id: str, **where: Any) -> str:
    """``run restore``: brings a deleted run back."""
    run = Where(**where).run(run_id)
    tracker_of(run.experiment).restore_run(record_of(run).id)
    return f"Run {run.id} is restored."
