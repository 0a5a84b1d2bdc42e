"""v1's statuses, cancel requests among them, over a tracker that knows a few.

The finer status is a note of the run. The tracker itself is told when a run starts and how it ends,
and nothing in between: that could undo an end set meanwhile.
"""

from __future__ import annotations

import dataclasses

from amlflow.layers.kept_in_notes import KeptInNotes
from amlflow.spec import FINAL, LAUNCHED, UNSTARTED, Feature, RunChange, RunDraft, RunRecord, Status
from amlflow.tracker_notes import parse_fine_status

STATUS = parse_fine_status.key


class Statuses(KeptInNotes):
    """Keeps each run's finer status; an end that the tracker has wins over it."""

    adds = Feature.CANCEL
    prefix = "statuses_"
    fields = frozenset({"status", "started", "ended"})

    def move_to_notes(self, draft: RunDraft) -> RunDraft:
        if draft.status in FINAL:
            return draft
        status = Status.NOT_STARTED if draft.status in UNSTARTED else Status.RUNNING
        return dataclasses.replace(
            draft, status=status, system={**draft.system, STATUS: draft.status}
        )

    def read(self, run: RunRecord, notes: dict[str, str]) -> RunRecord:
        is_launched = run.system.get(LAUNCHED) == "yes" and run.status != Status.CANCELED
        if run.status in FINAL and not is_launched:
            return run
        status = parse_fine_status.among(run.id, notes)
        if status is None:
            status = Status.RUNNING if run.status in FINAL else run.status
        started = None if status in UNSTARTED else run.started
        return dataclasses.replace(run, status=status, started=started, ended=None)

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is not None and change.status not in FINAL:
            tracker_status = Status.RUNNING if change.status == Status.RUNNING else None
            notes = {**change.system, STATUS: change.status}
            change = dataclasses.replace(change, status=tracker_status, system=notes)
        self.inner.update_run(run_id, change)
