"""The base class of layers: it passes every call on, and a layer overrides what it adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from amlflow.optional_members import member
from amlflow.spec import (
    Condition,
    DataInput,
    ExperimentChange,
    ExperimentRecord,
    Feature,
    KnownLimit,
    ModelChange,
    ModelDraft,
    ModelRecord,
    ModelRegistry,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
)


class Layer:
    """A tracker around a tracker. Its methods promise what :class:`amlflow.spec.Tracker` says."""

    adds: ClassVar[Feature | None] = None
    """The feature that the layer stands in for."""

    def __init__(self, inner: Tracker) -> None:
        self.inner = inner
        self.features: frozenset[str] = inner.features
        if self.adds is not None:
            self.features |= {self.adds}

    @property
    def uri(self) -> str:
        return self.inner.uri

    @property
    def known_limits(self) -> Sequence[KnownLimit]:
        limits: Sequence[KnownLimit] = member(self.inner, "known_limits")
        return limits

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return self.inner.ensure_experiment(name)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        experiment: ExperimentRecord | None = member(self.inner, "find_experiment")(name)
        return experiment

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        return self.inner.get_experiment(experiment_id)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return self.inner.list_experiments()

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        self.inner.update_experiment(experiment_id, change)

    def delete_experiment(self, experiment_id: str) -> None:
        self.inner.delete_experiment(experiment_id)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return self.inner.create_runs(drafts)

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return self.inner.get_run(run_id, experiment_id)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        return self.inner.run_numbers(runs)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return self.inner.find_runs(query)

    def count_runs(self, query: RunQuery) -> int | None:
        count: int | None = member(self.inner, "count_runs")(query)
        return count

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        runs: list[RunRecord] | None = member(self.inner, "first_runs")(query, field, last)
        return runs

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        values: list[tuple[Any, ...]] | None = member(self.inner, "field_values")(query, fields)
        return values

    def show_inputs(self, run_id: str, inputs: Sequence[DataInput]) -> None:
        """Show a run's inputs in the tracker. Do nothing if the tracker lacks this method."""
        method = getattr(self.inner, "show_inputs", None)
        if method is not None:
            method(run_id, inputs)

    def update_run(self, run_id: str, change: RunChange) -> None:
        self.inner.update_run(run_id, change)

    def delete_run(self, run_id: str) -> None:
        member(self.inner, "delete_run")(run_id)

    def restore_run(self, run_id: str) -> None:
        member(self.inner, "restore_run")(run_id)

    def flush(self, run_id: str | None = None, seconds: float | None = None) -> None:
        """Return at once: without a journal, all that was logged is in the tracker."""

    def check_name(self, name: str) -> None:
        self.inner.check_name(name)

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        self.inner.write_points(run_id, points)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return self.inner.read_points(run_id, names)

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        self.inner.put_files(run_id, files, replace=replace)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return self.inner.list_files(run_id, prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        self.inner.get_file(run_id, name, destination)

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        """Return the first bytes of a file; None if the tracker lacks this method."""
        method = getattr(self.inner, "read_beginning", None)
        beginning: bytes | None = None if method is None else method(run_id, name, count)
        return beginning

    def has_snapshot(self, digest: str) -> bool:
        return self.inner.has_snapshot(digest)

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self.inner.put_snapshot(digest, archive)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self.inner.get_snapshot(digest, destination)

    @property
    def _registry(self) -> ModelRegistry:
        """The inner tracker. It has models, since a layer adds them if the tracker has none."""
        return cast(ModelRegistry, self.inner)

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        return self._registry.register_model(draft)

    def get_model(self, name: str, version: int) -> ModelRecord:
        return self._registry.get_model(name, version)

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        return self._registry.find_models(conditions)

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        self._registry.update_model(name, version, change)

    def delete_model(self, name: str, version: int) -> None:
        self._registry.delete_model(name, version)

    def list_model_files(self, name: str, version: int) -> list[str]:
        return self._registry.list_model_files(name, version)

    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        self._registry.get_model_files(name, version, files)

    def model_link(self, model: ModelRecord) -> str:
        return self._registry.model_link(model)

    def run_link(self, run: RunRecord) -> str:
        return self.inner.run_link(run)

    def experiment_link(self, experiment_id: str) -> str:
        return self.inner.experiment_link(experiment_id)

    def own_paths(self) -> Sequence[Path]:
        paths: Sequence[Path] = member(self.inner, "own_paths")()
        return paths


class ReadingLayer(Layer):
    """A layer that has to see each run, so it cannot use the tracker's quick searches."""

    def count_runs(self, query: RunQuery) -> int | None:
        return None

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        return None

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        return None
