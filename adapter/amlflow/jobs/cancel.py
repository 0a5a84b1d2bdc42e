"""Requests the end of a submitted run in the tracker. The run's agent reads it and ends the run."""

from __future__ import annotations

import dataclasses
import uuid

from amlflow.claims import AGENT
from amlflow.exceptions import UserErrorException
from amlflow.jobs.finding import find_job
from amlflow.jobs.run_notes import EndRequest, has_agent, is_on_cluster, note_of_queue
from amlflow.spec import FINAL, PropertyConflict, RunChange, RunRecord, Tracker

NOBODY = "nobody-"
"""The beginning of the property :data:`AGENT` if no agent can claim the run any more."""


def request_end(
    tracker: Tracker, record: RunRecord, request: EndRequest, meanwhile: str | None = None
) -> None:
    """Request the end of a submitted run.

    If an agent has the run, the request asks the agent to end it, and the status is ``meanwhile``
    until then. If no agent has the run yet, the run ends at once, and no agent can claim it any
    more. The agent that starts later, or the submitter's next command, removes the job's folder. A
    cluster's job is noted to be in the queue until somebody has removed it there.
    """
    if not has_agent(record):
        try:
            tracker.update_run(record.id, RunChange(properties=claim_for_nobody()))
        except PropertyConflict:  # an agent has just claimed the run
            pass
        else:
            change = request.change()
            if is_on_cluster(record):
                system = {**change.system, **note_of_queue(is_left=True)}
                change = dataclasses.replace(change, system=system)
            tracker.update_run(record.id, change)
            return
    tracker.update_run(record.id, RunChange(status=meanwhile, system=request.note()))
    folder = find_job(tracker.uri, record)
    if folder is not None:
        folder.nudge()


def claim_for_nobody() -> dict[str, str]:
    """Return properties that keep every agent from claiming a run."""
    return {AGENT: f"{NOBODY}{uuid.uuid4().hex}"}


def is_unclaimable(record: RunRecord) -> bool:
    """Whether the run ended before an agent claimed it, so that none can claim it any more."""
    return record.properties.get(AGENT, "").startswith(NOBODY)


def check_goes_on(record: RunRecord) -> None:
    """Raise UserErrorException if a run has ended already."""
    if record.status in FINAL:
        raise UserErrorException(
            f"Run {record.alias or record.id} is {record.status} already, so there is nothing to "
            "cancel."
        )
