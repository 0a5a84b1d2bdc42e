"""A base class for layers that keep a part of each run in the run's ``system`` notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

from amlflow.layers.layer import ReadingLayer
from amlflow.spec import Feature, RunDraft, RunQuery, RunRecord, Tracker


class KeptInNotes(ReadingLayer):
    """A layer that moves a part of each run to notes, and reads it from them.

    The keys of its notes begin with ``prefix``. Layers above do not see these notes. Conditions on
    its ``fields`` are about what the layer reads from notes, so they are not passed to the tracker.
    """

    prefix: ClassVar[str]
    fields: ClassVar[frozenset[str]]

    def __init__(self, inner: Tracker) -> None:
        super().__init__(inner)
        self.features -= {Feature.ORDER, Feature.METRICS}  # the tracker knows only notes

    def move_to_notes(self, draft: RunDraft) -> RunDraft:
        """Return the draft with notes in place of what the tracker does not keep."""
        raise NotImplementedError

    def read(self, run: RunRecord, notes: dict[str, str]) -> RunRecord:
        """Return the run with what its notes say."""
        raise NotImplementedError

    def _read(self, run: RunRecord) -> RunRecord:
        notes = {key: text for key, text in run.system.items() if key.startswith(self.prefix)}
        system = {key: text for key, text in run.system.items() if key not in notes}
        return self.read(dataclasses.replace(run, system=system), notes)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        runs = self.inner.create_runs([self.move_to_notes(draft) for draft in drafts])
        return [self._read(run) for run in runs]

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return self._read(self.inner.get_run(run_id, experiment_id))

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        conditions = [
            condition for condition in query.conditions if condition.field not in self.fields
        ]
        # All fields, since the query's fields may be in the notes.
        tracker_query = dataclasses.replace(query, conditions=conditions, fields=None)
        for run in self.inner.find_runs(tracker_query):
            yield self._read(run)
