"""v1's statuses, also that of a requested cancel, for a tracker that only knows a few.

The finer status is a note of the run. The tracker's own status is only set when a run starts and
when it ends. Setting it in between could undo an end that another process has just set.
"""

from __future__ import annotations

import dataclasses

from amlflow.layers.kept_in_notes import KeptInNotes
from amlflow.spec import FINAL, LAUNCHED, UNSTARTED, Feature, RunChange, RunDraft, RunRecord, Status
from amlflow.tracker_notes import parse_fine_status

STATUS = parse_fine_status.key


class Statuses(KeptInNotes):
    """A layer that keeps each run's finer status.

    If the tracker says that a run has ended, that counts, not the note. For a run with the note
    :data:`amlflow.spec.LAUNCHED`, only the tracker's Canceled counts.
    """

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
