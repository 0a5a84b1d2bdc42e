"""Asks for the end of a submitted run. Whoever reaches the tracker may; nothing is ended here."""

from __future__ import annotations

import uuid

from amlflow.exceptions import UserErrorException
from amlflow.jobs.finding import find_job
from amlflow.jobs.run_notes import AGENT, EndRequest, has_agent
from amlflow.spec import FINAL, PropertyConflict, RunChange, RunRecord, Tracker

NOBODY = "nobody-"
"""What the property :data:`AGENT` begins with where no agent gets the run any more."""


def request_end(
    tracker: Tracker, record: RunRecord, asked: EndRequest, meanwhile: str | None = None
) -> None:
    """Have a submitted run end.

    Its agent is asked to, and the status is ``meanwhile`` until it has. Where no agent has the run
    yet, none gets it any more, and it ends at once; what is on the disk of its job is removed by
    the agent that is told so, or by the submitter's next command.
    """
    if not has_agent(record):
        try:
            tracker.update_run(record.id, RunChange(properties=claim_for_nobody()))
        except PropertyConflict:  # an agent was quicker
            pass
        else:
            tracker.update_run(record.id, asked.change())
            return
    tracker.update_run(record.id, RunChange(status=meanwhile, system=asked.note()))
    folder = find_job(tracker.uri, record)
    if folder is not None:
        folder.nudge()


def claim_for_nobody() -> dict[str, str]:
    """Properties by which no agent gets a run any more."""
    return {AGENT: f"{NOBODY}{uuid.uuid4().hex}"}


def is_nobodys(record: RunRecord) -> bool:
    """Whether no agent has got the run, and none gets it any more."""
    return record.properties.get(AGENT, "").startswith(NOBODY)


def check_goes_on(record: RunRecord) -> None:
    """Raise UserErrorException for a run that has ended already."""
    if record.status in FINAL:
        raise UserErrorException(
            f"Run {record.alias or record.id} is {record.status} already, so there is nothing to "
            "cancel."
        )
