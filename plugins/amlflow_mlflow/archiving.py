"""Archived experiments. In MLflow they are deleted and restored together with all of their runs.

A run that was deleted before the experiment was archived stays deleted when the experiment is
restored. For that, archiving notes such runs in the experiment's tags. If a process ends in the
middle of a restoration, the notes are still there: reactivate the experiment again to complete it.
An experiment that another client has archived has no notes, so all of its runs are restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from amlflow.spec import RunNotFound
from amlflow.tracker_data import Malformed, parse

from amlflow_mlflow.entities import DELETED_ONLY, RunInfo
from amlflow_mlflow.search import to_order
from amlflow_mlflow.spelling import OWN
from amlflow_mlflow.store import Store

NOTE = f"{OWN}deleted_runs."
"""The prefix of the tags with the notes. They are numbered, and each has some ids."""
IDS_AT_ONCE = 100
PAGE = 1000
_IDS = re.compile(r"[0-9a-f]{32}(?:,[0-9a-f]{32})*")


class Archive:
    """The archive of one store's experiments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def archive(self, experiment_id: str) -> None:
        """Archive an experiment that is not archived."""
        ids = list(self._find_deleted(experiment_id))
        notes = dict.fromkeys(_notes(self._store.get_experiment(experiment_id).tags), "")
        for number, start in enumerate(range(0, len(ids), IDS_AT_ONCE)):
            notes[f"{NOTE}{number}"] = ",".join(ids[start : start + IDS_AT_ONCE])
        self._set_notes(experiment_id, notes)
        self._store.delete_experiment(experiment_id)

    def restore(self, experiment_id: str) -> None:
        """Restore an experiment that is archived, or complete a restoration."""
        experiment = self._store.get_experiment(experiment_id)
        if experiment.lifecycle_stage != "active":
            self._store.restore_experiment(experiment_id)
        notes = _notes(experiment.tags)
        for run_id in _read_ids(experiment_id, notes):
            try:
                info = self._store.get_run(run_id).info
            except RunNotFound:  # `mlflow gc` has removed it
                continue
            # Check the id: everyone who may edit the experiment can write notes.
            if info.experiment_id == experiment_id and info.lifecycle_stage == "active":
                self._store.delete_run(run_id)
        self._set_notes(experiment_id, dict.fromkeys(notes, ""))

    def is_deleted(self, info: RunInfo) -> bool:
        """Whether a run itself was deleted, not only its experiment."""
        if info.lifecycle_stage == "active":
            return False
        experiment = self._store.get_experiment(info.experiment_id)
        if experiment.lifecycle_stage == "active":
            return True
        return info.run_id in _read_ids(info.experiment_id, _notes(experiment.tags))

    def _find_deleted(self, experiment_id: str) -> Iterator[str]:
        token = None
        while True:
            page = self._store.search_runs(
                [experiment_id], "", view=DELETED_ONLY, size=PAGE, order=to_order(None), token=token
            )
            yield from (run.info.run_id for run in page)
            token = page.token
            if not token:
                return

    def _set_notes(self, experiment_id: str, notes: Mapping[str, str]) -> None:
        # Empty the tags instead of removing them, as some servers cannot remove a tag.
        for key, value in notes.items():
            self._store.set_experiment_tag(experiment_id, key, value)


def _notes(tags: Mapping[str, str]) -> dict[str, str]:
    """The notes of an experiment that are not empty."""
    return {key: value for key, value in tags.items() if key.startswith(NOTE) and value}


def _read_ids(experiment_id: str, notes: Mapping[str, str]) -> list[str]:
    ids: list[str] = []
    for key, value in notes.items():
        ids += parse(f"experiment {experiment_id}", key, value, _to_ids) or []
    return ids


def _to_ids(text: str) -> list[str]:
    if not _IDS.fullmatch(text):
        raise Malformed("ids of runs")
    return text.split(",")
