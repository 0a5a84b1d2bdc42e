"""Write-once properties, over a tracker that cannot compare and set.

Each run has a log of property changes. Its entries are runs of a hidden experiment under asked-for
ids, numbered from 1: as the tracker gives an id away once, exactly one process writes an entry, and
all read the same ones. Who wants to add properties reads the log to its end, checks them against
it, and writes the next entry, or reads on where somebody was quicker. What the log says is then
copied into the run's own notes, so that reading a run costs nothing more; who finds a copy missing,
since its writer has died, makes it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping

from amlflow.layers.kept_in_notes import KeptInNotes
from amlflow.own_runs import OwnRuns, to_digest, to_run_id
from amlflow.spec import (
    ExperimentRecord,
    Feature,
    PropertyConflict,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
)
from amlflow.tracker_data import parse
from amlflow.tracker_notes import to_property

LOG = "amlflow.properties"
"""The experiment that holds the entries."""
OF = "log_of"
"""A note of an entry: whose log it is in."""


class WriteOnce(KeptInNotes):
    """Adds properties once, also while other processes add them."""

    adds = Feature.WRITE_ONCE
    prefix = "property_"
    fields = frozenset({"properties"})

    def __init__(self, inner: Tracker) -> None:
        super().__init__(inner)
        # Entries do not change, so each is read once.
        self._logs: dict[str, list[dict[str, str]]] = {}
        self._runs = OwnRuns(inner, LOG)

    def move_to_notes(self, draft: RunDraft) -> RunDraft:
        system = {**draft.system, **_to_notes(draft.properties)}
        return dataclasses.replace(draft, properties={}, system=system)

    def read(self, run: RunRecord, notes: dict[str, str]) -> RunRecord:
        return dataclasses.replace(
            run, properties=dict(sorted(_parse_properties(run.id, notes).values()))
        )

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return (
            experiment for experiment in self.inner.list_experiments() if experiment.name != LOG
        )

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return (run for run in super().find_runs(query) if OF not in run.system)

    def update_run(self, run_id: str, change: RunChange) -> None:
        if not change.properties:
            self.inner.update_run(run_id, change)
            return
        new_notes = _to_notes(change.properties)
        run = self.inner.get_run(run_id)
        while True:
            log = self._read_log(run.id)
            notes = {key: text for key, text in run.system.items() if key in new_notes}
            for entry in log:
                notes.update(entry)
            properties = _parse_properties(run.id, notes)
            kept_notes = {key: notes[key] for key in properties}
            for key, text in new_notes.items():
                if kept_notes.get(key, text) != text:
                    self.inner.update_run(run.id, RunChange(system=kept_notes))
                    name, value = properties[key]
                    raise PropertyConflict(name, value, change.properties[name])
            if new_notes.keys() <= kept_notes.keys():
                break
            if self._append(run.id, len(log) + 1, change, new_notes):
                break
        system = {**change.system, **kept_notes, **new_notes}
        self.inner.update_run(run.id, dataclasses.replace(change, properties={}, system=system))

    def _read_log(self, run_id: str) -> list[dict[str, str]]:
        """All entries, in order."""
        log = list(self._logs.get(run_id, ()))
        while entry := self._runs.get(_entry_id(run_id, len(log) + 1)):
            log.append({k: text for k, text in entry.system.items() if k.startswith(self.prefix)})
        self._logs[run_id] = log
        return log

    def _append(self, run_id: str, number: int, change: RunChange, notes: dict[str, str]) -> bool:
        """Write an entry; False where another process has written that number.

        The entry has all that the change has, so what the tracker does not take is refused here,
        before anything is decided.
        """
        entry = self._runs.create(
            _entry_id(run_id, number),
            name=change.name,
            description=change.description,
            tags=change.tags,
            system={**change.system, **notes, OF: run_id},
        )
        return entry is not None


def _entry_id(run_id: str, number: int) -> str:
    return to_run_id("property", f"{number} {run_id}")


def _to_notes(properties: Mapping[str, str]) -> dict[str, str]:
    """Properties as notes: their keys are any text, and a note's is a short identifier."""
    return {
        f"property_{to_digest(key)}": (json.dumps([key, value], ensure_ascii=False))
        for key, value in properties.items()
    }


def _parse_properties(run_id: str, notes: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The keys and values of those notes that are properties."""
    pairs = {key: parse(run_id, key, text, to_property) for key, text in notes.items()}
    return {key: pair for key, pair in pairs.items() if pair is not None}
