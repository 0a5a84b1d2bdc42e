"""Archived experiments for a tracker without them: a tag keeps the time of the archiving."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timezone

from amlflow.layers.layer import Layer
from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Feature,
    Refused,
    RunQuery,
    RunRecord,
)
from amlflow.tracker_data import parse, to_time

TAG = "amlflow.archived"


class Archive(Layer):
    """A layer that archives experiments, and leaves their runs out of searches of all runs."""

    adds = Feature.ARCHIVE

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return _read(self.inner.ensure_experiment(name))

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        experiment = super().find_experiment(name)
        return None if experiment is None else _read(experiment)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        return _read(self.inner.get_experiment(experiment_id))

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return map(_read, self.inner.list_experiments())

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        if TAG in change.tags or TAG in change.tags_removed:
            raise Refused(f"The tag {TAG!r} is amlflow's own; choose another key.")
        tags, removed = dict(change.tags), list(change.tags_removed)
        if change.archived:
            tags[TAG] = datetime.now(timezone.utc).isoformat()
        elif change.archived is False:
            removed.append(TAG)
        self.inner.update_experiment(
            experiment_id,
            dataclasses.replace(change, archived=None, tags=tags, tags_removed=removed),
        )

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = self.inner.find_runs(query)
        if query.experiment_ids is not None:
            yield from runs
            return
        archived_ids = {
            experiment.id for experiment in self.list_experiments() if experiment.archived
        }
        for run in runs:
            if run.experiment_id not in archived_ids:
                yield run


def _read(experiment: ExperimentRecord) -> ExperimentRecord:
    tags = dict(experiment.tags)
    archived = parse(experiment.id, TAG, tags.pop(TAG, None), to_time)
    return dataclasses.replace(experiment, archived=archived, tags=tags)
