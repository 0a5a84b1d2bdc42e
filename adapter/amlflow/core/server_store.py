"""A tracking store as a server has it: it looks at runs, and asks for their end, for others.

It starts no process and removes no file, whatever a run says; so it uses nothing of
:class:`amlflow.core.runs.run.Run`, which does that for the runs of its user.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
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
    """The runs of one tracking store; every call is done when it returns."""

    def __init__(self, uri: str) -> None:
        self.uri = absolute(uri, Path.cwd())

    @property
    def tracker(self) -> Layer:
        """The tracker with the layers that it needs."""
        return open_unjournaled(self.uri)

    def look_at(self, run_id: str) -> RunRecord:
        """The run now; that a submitted run's agent is silent is noted. Raises RunNotFound."""
        record = self.tracker.get_run(run_id)
        if is_submitted(record) and record.status not in FINAL and look(self.tracker, record):
            record = self.tracker.get_run(record.id)
        return record

    def cancel(self, run_id: str) -> RunRecord:
        """End a run as Canceled, a submitted one by asking its agent to; the run as it is then.

        Raises:
            RunNotFound: the run does not exist.
            UserErrorException: it has ended already.
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
