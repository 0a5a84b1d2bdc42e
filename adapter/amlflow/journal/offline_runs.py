"""Runs that were started while the tracker was away: known here by ids of their own.

The tracker's id of such a run is found by the id that its user sees, which is the same everywhere.
"""

from __future__ import annotations

import dataclasses
import uuid
from urllib.parse import quote, unquote

from amlflow.exceptions import AzureMLException
from amlflow.journal.record import Record, create_record, to_draft
from amlflow.spec import Refused, RunDraft, RunNotFound, RunRecord, Tracker

LOCAL = "local:"
MARK = "journal"
"""The key of ``system`` by which a run is recognised that was made by a call without an answer."""


def local_experiment(name: str) -> str:
    """The id of an experiment that is known by its name alone."""
    return f"{LOCAL}{name}"


def display_id(run_id: str) -> str:
    """The id that the run's user sees."""
    return run_id.rpartition("/")[2] if is_local(run_id) else run_id


def display_owner(run_id: str | None) -> str:
    """What a record belongs to, for a message; a snapshot belongs to no run."""
    return f"run {display_id(run_id)}" if run_id else "a snapshot"


def is_local(id: str | None) -> bool:
    return id is not None and id.startswith(LOCAL)


def start_run(draft: RunDraft) -> tuple[RunRecord, Record]:
    """A run for a draft, and what the journal keeps of it."""
    alias = draft.run_id or uuid.uuid4().hex
    run_id = f"{LOCAL}{quote(draft.experiment_id, safe='')}/{alias}"
    record = RunRecord(
        id=run_id,
        alias=alias,
        experiment_id=draft.experiment_id,
        parent_id=draft.parent_id,
        root_id=draft.root_id if draft.parent_id else run_id,
        name=draft.name,
        type=draft.type,
        status=draft.status,
        created=draft.created,
        started=draft.created,
        description=draft.description,
        tags=dict(draft.tags),
        properties=dict(draft.properties),
        system=dict(draft.system),
    )
    draft_with_id = dataclasses.replace(draft, run_id=alias)
    return record, create_record(run_id, draft_with_id, uuid.uuid4().hex)


class LocalIds:
    """The tracker's ids of runs and experiments that have local ones."""

    def __init__(self) -> None:
        self._tracker_ids: dict[str, str] = {}
        self._errors: dict[str, AzureMLException] = {}

    def find(self, id: str) -> str | None:
        """The tracker's id, if the run has got there."""
        return self._tracker_ids.get(id) if is_local(id) else id

    def experiment(self, tracker: Tracker, experiment_id: str) -> str:
        """The tracker's id of an experiment, which is made where there is none."""
        if not is_local(experiment_id):
            return experiment_id
        if experiment_id not in self._tracker_ids:
            experiment = tracker.ensure_experiment(experiment_id[len(LOCAL) :])
            self._tracker_ids[experiment_id] = experiment.id
        return self._tracker_ids[experiment_id]

    def of(self, tracker: Tracker, run_id: str) -> str:
        """The tracker's id of a run. Raises :class:`RunNotFound`, or why it was not made."""
        if not is_local(run_id):
            return run_id
        if run_id in self._errors:
            raise RunNotFound(run_id) from self._errors[run_id]
        if run_id not in self._tracker_ids:
            experiment, _, alias = run_id[len(LOCAL) :].partition("/")
            run = tracker.get_run(alias, self.experiment(tracker, unquote(experiment)))
            self._tracker_ids[run_id] = run.id
        return self._tracker_ids[run_id]

    def note_lost(self, run_id: str, error: AzureMLException) -> None:
        """The tracker does not take the run."""
        self._errors[run_id] = error

    def is_lost(self, run_id: str) -> bool:
        """Whether the tracker has refused the run."""
        return run_id in self._errors

    def create(self, tracker: Tracker, record: Record) -> None:
        """Make the run, unless a call without an answer has made it."""
        draft, mark = to_draft(record), record[3]
        draft = dataclasses.replace(
            draft,
            experiment_id=self.experiment(tracker, draft.experiment_id),
            parent_id=draft.parent_id and self.of(tracker, draft.parent_id),
            root_id=draft.root_id and self.of(tracker, draft.root_id),
            system={**draft.system, MARK: mark},
        )
        run = self._find_made(tracker, draft, mark)
        if run is None:
            try:
                [run] = tracker.create_runs([draft])
            except Refused:  # another call for it was answered elsewhere
                run = self._find_made(tracker, draft, mark)
                if run is None:
                    raise
        self._tracker_ids[record[1]] = run.id

    @staticmethod
    def _find_made(tracker: Tracker, draft: RunDraft, mark: str) -> RunRecord | None:
        try:
            run = tracker.get_run(str(draft.run_id), draft.experiment_id)
        except RunNotFound:
            return None
        return run if run.system.get(MARK) == mark else None
