"""A tracker on MLflow's SQLite database that imports MLflow only when it is needed.

``import mlflow`` and its database store take seconds, which a command that shows one run would
spend for one row. So a run, experiments and numbers are read from the tables directly, and a run
is ended there. Every other method opens MLflow's own tracker at its first call and passes on to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.spec import (
    Condition,
    DataInput,
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Feature,
    ModelChange,
    ModelDraft,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    TrackerBase,
    Unavailable,
)

from amlflow_mlflow import workspaces
from amlflow_mlflow.changes import spell
from amlflow_mlflow.limits import limits_of
from amlflow_mlflow.links import experiment_link, model_link, run_link
from amlflow_mlflow.own_paths import own_paths
from amlflow_mlflow.records import to_experiment, to_run
from amlflow_mlflow.spelling import OWN, to_key
from amlflow_mlflow.without_mlflow.sqlite_tables import SqliteTables

if TYPE_CHECKING:
    from amlflow_mlflow.tracker import MlflowTracker


def open_sqlite(uri: str, mlflow: MlflowTracker | None = None) -> SqliteTracker | None:
    """The tracker at a URI, or None where MLflow itself has to open it.

    ``mlflow`` is MLflow's tracker, if it is open already.
    """
    if not uri.startswith("sqlite:////") or "?" in uri:
        return None
    if workspaces.are_enabled():
        return None  # whose runs a caller sees is for MLflow's store to say
    tables = SqliteTables(uri, keeps_connections=True)
    try:
        if not tables.are_known() or not tables.are_complete():
            return None
    except Unavailable:  # MLflow waits longer for a lock, or says what is wrong
        return None
    return SqliteTracker(tables, mlflow)


class SqliteTracker(TrackerBase):
    """See :class:`amlflow.spec.Tracker` and :class:`amlflow.spec.QuickSearch`."""

    features = frozenset(Feature)

    def __init__(self, tables: SqliteTables, mlflow: MlflowTracker | None = None) -> None:
        self.uri, self.known_limits = tables.uri, limits_of(tables.uri)
        self.tables = tables
        self.mlflow = mlflow
        """MLflow's tracker, or None as long as it was not needed."""
        self._opening = threading.Lock()

    def open_mlflow(self) -> MlflowTracker:
        """MLflow's tracker, opened at the first call."""
        with self._opening:
            if self.mlflow is None:
                # It takes seconds to import.
                from amlflow_mlflow.tracker import MlflowTracker

                self.mlflow = MlflowTracker(self.uri)
            return self.mlflow

    # answered without MLflow

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return to_run(self.tables.find(run_id, experiment_id))

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        return [self.tables.number(run.experiment_id, run.id) for run in runs]

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        rows = self.tables.experiments("name = ?", name)
        return next(map(to_experiment, rows), None)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        for row in self.tables.experiments("CAST(experiment_id AS TEXT) = ?", experiment_id):
            return to_experiment(row)
        raise ExperimentNotFound(experiment_id, self.uri)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        rows = self.tables.experiments(
            "substr(name, 1, ?) != ? ORDER BY creation_time DESC, experiment_id ASC", len(OWN), OWN
        )
        return map(to_experiment, rows)

    def update_run(self, run_id: str, change: RunChange) -> None:
        # MLflow would load a run with all it has only to end it.
        mlflow = self.mlflow
        todo = spell(change, noted=mlflow is not None and mlflow.is_noted(run_id))
        has_more = todo.params or todo.tags or todo.removed
        if todo.status is None or todo.ended is None or has_more:
            self.open_mlflow().update_run(run_id, change)
        elif not self.tables.end(run_id, todo.status, todo.ended):
            # The run does not exist or is deleted: MLflow says which.
            self.open_mlflow().update_run(run_id, change)
        elif mlflow is not None:
            mlflow.has_ended(run_id)

    def check_name(self, name: str) -> None:
        to_key(name)

    def own_paths(self) -> Sequence[Path]:
        return own_paths(self.tables.path, self.tables.artifact_locations())

    def run_link(self, run: RunRecord) -> str:
        return run_link(self.uri, run)

    def experiment_link(self, experiment_id: str) -> str:
        return experiment_link(self.uri, experiment_id)

    # answered by MLflow's tracker

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return self.open_mlflow().ensure_experiment(name)

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        self.open_mlflow().update_experiment(experiment_id, change)

    def delete_experiment(self, experiment_id: str) -> None:
        self.open_mlflow().delete_experiment(experiment_id)

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return self.open_mlflow().create_runs(drafts)

    def show_inputs(self, run_id: str, inputs: Sequence[DataInput]) -> None:
        self.open_mlflow().show_inputs(run_id, inputs)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return self.open_mlflow().find_runs(query)

    def count_runs(self, query: RunQuery) -> int | None:
        return self.open_mlflow().count_runs(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        return self.open_mlflow().first_runs(query, field, last)

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        return self.open_mlflow().field_values(query, fields)

    def delete_run(self, run_id: str) -> None:
        self.open_mlflow().delete_run(run_id)

    def restore_run(self, run_id: str) -> None:
        self.open_mlflow().restore_run(run_id)

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        self.open_mlflow().write_points(run_id, points)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return self.open_mlflow().read_points(run_id, names)

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        self.open_mlflow().put_files(run_id, files, replace=replace)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return self.open_mlflow().list_files(run_id, prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        self.open_mlflow().get_file(run_id, name, destination)

    def has_snapshot(self, digest: str) -> bool:
        return self.open_mlflow().has_snapshot(digest)

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self.open_mlflow().put_snapshot(digest, archive)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self.open_mlflow().get_snapshot(digest, destination)

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        return self.open_mlflow().register_model(draft)

    def get_model(self, name: str, version: int) -> ModelRecord:
        return self.open_mlflow().get_model(name, version)

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        return self.open_mlflow().find_models(conditions)

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        self.open_mlflow().update_model(name, version, change)

    def delete_model(self, name: str, version: int) -> None:
        self.open_mlflow().delete_model(name, version)

    def list_model_files(self, name: str, version: int) -> list[str]:
        return self.open_mlflow().list_model_files(name, version)

    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        self.open_mlflow().get_model_files(name, version, files)

    def model_link(self, model: ModelRecord) -> str:
        return model_link(self.uri, model)
