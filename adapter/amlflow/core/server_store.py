"""A tracking store that a server uses for other people: it looks at runs and cancels them.

It never starts a process and never removes a file, even if a run's notes ask for it. Therefore it
does not use :class:`amlflow.core.runs.run.Run`, which does both for its user's own runs.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from amlflow.core.project.tracking_uri import absolute
from amlflow.jobs.cancel import check_goes_on, request_end
from amlflow.jobs.health import look
from amlflow.jobs.run_notes import EndRequest, is_submitted
from amlflow.layers.stack import open_unjournaled
from amlflow.plugins import announce
from amlflow.spec import FINAL, RunChange, RunRecord, Status, transition

if TYPE_CHECKING:
    from amlflow.layers.layer import Layer


class ServerStore:
    """The runs of one tracking store. Without a journal, a call has taken effect on return."""

    def __init__(self, uri: str) -> None:
        self.uri = absolute(uri)

    @property
    def tracker(self) -> Layer:
        """The tracker with its layers."""
        return open_unjournaled(self.uri)

    def look_at(self, run_id: str) -> RunRecord:
        """Return the run as it is now. Raises RunNotFound.

        If the agent of a submitted run is silent, this is noted in the run.
        """
        record = self.tracker.get_run(run_id)
        if is_submitted(record) and record.status not in FINAL and look(self.tracker, record):
            record = self.tracker.get_run(record.id)
        return record

    def cancel(self, run_id: str) -> RunRecord:
        """Cancel a run, and return its new record.

        The agent of a submitted run is asked to end its script.

        Raises:
            RunNotFound: the run does not exist.
            UserErrorException: the run has ended already.
        """
        record = self.look_at(run_id)
        check_goes_on(record)
        if is_submitted(record):
            request_end(self.tracker, record, EndRequest(Status.CANCELED), Status.CANCEL_REQUESTED)
            return self.look_at(record.id)
        change = RunChange(status=Status.CANCELED, ended=datetime.now(timezone.utc))
        self.tracker.update_run(record.id, change)
        record = transition(record, change)
        announce("amlflow_run_ended", record)
        return record
