"""A layer that keeps a part of each run among the run's ``system`` notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

from amlflow.layers.layer import ReadingLayer
from amlflow.spec import Feature, RunDraft, RunQuery, RunRecord, Tracker


class KeptInNotes(ReadingLayer):
    """Says for each run what the tracker is given of it, and what is read from its notes.

    A layer's notes have keys that begin with its ``prefix``; layers above it do not see them.
    Conditions on its ``fields`` mean what the layer reads, so the tracker is not given them.
    """

    prefix: ClassVar[str]
    fields: ClassVar[frozenset[str]]

    def __init__(self, inner: Tracker) -> None:
        super().__init__(inner)
        self.features -= {Feature.ORDER, Feature.METRICS}  # the tracker knows only notes

    def move_to_notes(self, draft: RunDraft) -> RunDraft:
        """The draft with notes in place of what the tracker does not keep."""
        raise NotImplementedError

    def read(self, run: RunRecord, notes: dict[str, str]) -> RunRecord:
        """The run as its notes say."""
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
        # What is asked for may be among the notes.
        tracker_query = dataclasses.replace(query, conditions=conditions, fields=None)
        for run in self.inner.find_runs(tracker_query):
            yield self._read(run)
