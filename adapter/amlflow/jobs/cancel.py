"""Asks for the end of a submitted run. You need to reach the tracker only; the agent ends it."""

from __future__ import annotations

import uuid

from amlflow.claims import AGENT
from amlflow.exceptions import UserErrorException
from amlflow.jobs.finding import find_job
from amlflow.jobs.run_notes import EndRequest, has_agent
from amlflow.spec import FINAL, PropertyConflict, RunChange, RunRecord, Tracker

NOBODY = "nobody-"
"""How the property :data:`AGENT` begins if no agent can claim the run any more."""


def request_end(
    tracker: Tracker, record: RunRecord, request: EndRequest, meanwhile: str | None = None
) -> None:
    """Have a submitted run end.

    If an agent has the run, the agent is asked to end it, and the status is ``meanwhile`` until it
    has. If no agent has the run yet, the run ends at once and no agent can claim it any more; the
    job's folder is removed by the agent that finds this, or by the submitter's next command.
    """
    if not has_agent(record):
        try:
            tracker.update_run(record.id, RunChange(properties=claim_for_nobody()))
        except PropertyConflict:  # an agent was quicker
            pass
        else:
            tracker.update_run(record.id, request.change())
            return
    tracker.update_run(record.id, RunChange(status=meanwhile, system=request.note()))
    folder = find_job(tracker.uri, record)
    if folder is not None:
        folder.nudge()


def claim_for_nobody() -> dict[str, str]:
    """Properties after which no agent can claim a run."""
    return {AGENT: f"{NOBODY}{uuid.uuid4().hex}"}


def is_nobodys(record: RunRecord) -> bool:
    """Whether no agent had the run, and none can claim it any more."""
    return record.properties.get(AGENT, "").startswith(NOBODY)


def check_goes_on(record: RunRecord) -> None:
    """Raise UserErrorException for a run that has ended already."""
    if record.status in FINAL:
        raise UserErrorException(
            f"Run {record.alias or record.id} is {record.status} already, so there is nothing to "
            "cancel."
        )
