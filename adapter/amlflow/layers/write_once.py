"""Write-once properties for a tracker that cannot compare and set.

Each run has a log of property changes. The entries of the log are runs in a hidden experiment. An
entry's id is made from its number, which starts at 1. The tracker creates only one run with an id,
so exactly one process writes each entry, and all processes read the same entries.

To add properties, a process reads the log to its end, checks the properties against it, and writes
the next entry. If another process has just written that entry, it reads on. Then it copies the
entries into the run's own notes, so that a run can be read without its log. If a writer has died
before it made the copy, the next process that adds properties makes it.
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
"""The key of an entry's note with the id of the run that the log is of."""


class WriteOnce(KeptInNotes):
    """A layer that sets each property once, also while other processes add properties."""

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
        """Return all entries of a run's log, in order."""
        log = list(self._logs.get(run_id, ()))
        while entry := self._runs.get(_entry_id(run_id, len(log) + 1)):
            log.append({k: text for k, text in entry.system.items() if k.startswith(self.prefix)})
        self._logs[run_id] = log
        return log

    def _append(self, run_id: str, number: int, change: RunChange, notes: dict[str, str]) -> bool:
        """Write an entry. Return False if another process has written the one with that number.

        The entry has all texts and tags of the change. So if the tracker refuses one of them, it
        does so here, before the properties are set.
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
    """Turn properties into notes. A note's key is a digest, as a property's key may be any text."""
    return {
        f"property_{to_digest(key)}": (json.dumps([key, value], ensure_ascii=False))
        for key, value in properties.items()
    }


def _parse_properties(run_id: str, notes: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the key and value of each note that is a property, by the note's key."""
    pairs = {key: parse(run_id, key, text, to_property) for key, text in notes.items()}
    return {key: pair for key, pair in pairs.items() if pair is not None}
