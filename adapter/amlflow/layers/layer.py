"""A tracker around a tracker that passes every call on; a layer overrides what it adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Feature,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
)


class Layer:
    """See :class:`amlflow.spec.Tracker` for what each method promises."""

    adds: ClassVar[Feature | None] = None
    """The feature that the layer stands in for."""

    def __init__(self, inner: Tracker) -> None:
        self.inner = inner
        self.features = inner.features | ({self.adds} if self.adds is not None else set())

    @property
    def uri(self) -> str:
        return self.inner.uri

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return self.inner.ensure_experiment(name)

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
        method = getattr(self.inner, "count_runs", None)
        return None if method is None else method(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        method = getattr(self.inner, "first_runs", None)
        return None if method is None else method(query, field, last)

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        method = getattr(self.inner, "field_values", None)
        return None if method is None else method(query, fields)

    def update_run(self, run_id: str, change: RunChange) -> None:
        self.inner.update_run(run_id, change)

    def flush(self, run_id: str | None = None, seconds: float | None = None) -> None:
        """Return when all that was logged is in the tracker, which here is so at once."""

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

    def has_snapshot(self, digest: str) -> bool:
        return self.inner.has_snapshot(digest)

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self.inner.put_snapshot(digest, archive)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self.inner.get_snapshot(digest, destination)

    def register_model(
        self,
        run_id: str,
        path: str,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        return self.inner.register_model(
            run_id, path, name, description=description, tags=tags, properties=properties
        )

    def run_link(self, run: RunRecord) -> str:
        return self.inner.run_link(run)

    def experiment_link(self, experiment_id: str) -> str:
        return self.inner.experiment_link(experiment_id)

    def own_paths(self) -> Sequence[Path]:
        """Also: none where the plugin's tracker lacks this method."""
        method: Callable[[], Sequence[Path]] | None = getattr(self.inner, "own_paths", None)
        return () if method is None else method()
