"""Child runs for a tracker without them: a run's parent and root are notes."""

from __future__ import annotations

import dataclasses

from amlflow.layers.kept_in_notes import KeptInNotes
from amlflow.spec import Feature, RunDraft, RunRecord
from amlflow.tracker_notes import parse_nesting_parent, parse_nesting_root


class Nesting(KeptInNotes):
    """A layer that keeps each run's parent and root."""

    adds = Feature.NESTING
    prefix = "nesting_"
    fields = frozenset({"parent_id", "root_id"})

    def move_to_notes(self, draft: RunDraft) -> RunDraft:
        family = {
            parse_nesting_parent.key: draft.parent_id,
            parse_nesting_root.key: draft.root_id,
        }
        notes = {key: run_id for key, run_id in family.items() if run_id is not None}
        return dataclasses.replace(
            draft, parent_id=None, root_id=None, system={**draft.system, **notes}
        )

    def read(self, run: RunRecord, notes: dict[str, str]) -> RunRecord:
        parent = parse_nesting_parent.among(run.id, notes)
        root = parse_nesting_root.among(run.id, notes) or (None if parent else run.id)
        return dataclasses.replace(run, parent_id=parent, root_id=root)
