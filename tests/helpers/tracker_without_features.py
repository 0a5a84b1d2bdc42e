"""The reference tracker without features: it really cannot do what a feature is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from amlflow.spec import (
    FINAL,
    ExperimentChange,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker

KNOWN = FINAL | {Status.NOT_STARTED, Status.RUNNING}


class BareTracker(MemoryTracker):
    """A tracker that fails if a feature is used that it does not claim, or ignores it."""

    features = frozenset()

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        assert change.archived is None
        super().update_experiment(experiment_id, change)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            assert not draft.properties
            assert draft.parent_id is None
            assert draft.root_id is None
            assert draft.status in KNOWN
        return super().create_runs(drafts)

    def update_run(self, run_id: str, change: RunChange) -> None:
        assert not change.properties
        assert change.status in KNOWN | {None}
        super().update_run(run_id, change)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return super().find_runs(dataclasses.replace(query, conditions=()))

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        assert len(points) == 1
        super().write_points(run_id, points)

    def delete_run(self, run_id: str) -> None:
        raise AssertionError("not claimed")

    restore_run = delete_run

    def _models_are_not_claimed(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("not claimed")

    register_model = get_model = find_models = update_model = _models_are_not_claimed
    delete_model = list_model_files = get_model_files = model_link = _models_are_not_claimed
