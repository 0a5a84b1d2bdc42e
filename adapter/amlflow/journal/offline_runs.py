"""Runs that were started during an outage. They have local ids until the tracker has them.

The user sees another id, which never changes. With it, the tracker's id is found later.
"""

from __future__ import annotations

import dataclasses
import uuid
from datetime import datetime, timezone
from urllib.parse import quote, unquote

from amlflow.exceptions import AzureMLException
from amlflow.journal.record import Record, create_record, to_draft
from amlflow.spec import ExperimentRecord, Refused, RunDraft, RunNotFound, RunRecord, Tracker

LOCAL = "local:"
MARK = "journal"
"""A key of ``system``. Its value shows that an earlier call without an answer created the run."""


def local_experiment(name: str) -> ExperimentRecord:
    """Make a record with a local id, for an experiment of which only the name is known."""
    now = datetime.now(timezone.utc)
    return ExperimentRecord(id=f"{LOCAL}{name}", name=name, created=now)


def display_id(run_id: str) -> str:
    """Return the id that the user sees."""
    return run_id.rpartition("/")[2] if is_local(run_id) else run_id


def display_owner(run_id: str | None) -> str:
    """Name what a record belongs to, for a message: a run, or a snapshot, which has no run."""
    return f"run {display_id(run_id)}" if run_id else "a snapshot"


def is_local(id: str | None) -> bool:
    return id is not None and id.startswith(LOCAL)


def start_run(draft: RunDraft) -> tuple[RunRecord, Record]:
    """Start a run locally. Returns the run, and the record for the journal."""
    alias = draft.run_id or str(uuid.uuid4())  # not of the form of MLflow's ids
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
    """The tracker's ids for local ids of runs and experiments."""

    def __init__(self) -> None:
        self._tracker_ids: dict[str, str] = {}
        self._errors: dict[str, AzureMLException] = {}

    def find(self, id: str) -> str | None:
        """Return the tracker's id of a run; None if the tracker does not have the run yet."""
        return self._tracker_ids.get(id) if is_local(id) else id

    def experiment(self, tracker: Tracker, experiment_id: str) -> str:
        """Return the tracker's id of an experiment. Creates the experiment if it does not exist."""
        if not is_local(experiment_id):
            return experiment_id
        if experiment_id not in self._tracker_ids:
            experiment = tracker.ensure_experiment(experiment_id[len(LOCAL) :])
            self._tracker_ids[experiment_id] = experiment.id
        return self._tracker_ids[experiment_id]

    def of(self, tracker: Tracker, run_id: str) -> str:
        """Return the tracker's id of a run. Asks the tracker once. Raises :class:`RunNotFound`."""
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
        """Note that the tracker has refused to create the run."""
        self._errors[run_id] = error

    def is_lost(self, run_id: str) -> bool:
        """Whether the tracker has refused to create the run."""
        return run_id in self._errors

    def create(self, tracker: Tracker, record: Record) -> None:
        """Create the run, unless an earlier call without an answer has created it."""
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
            except Refused:  # an earlier call may have created it just now
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
