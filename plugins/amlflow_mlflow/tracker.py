"""The tracker on MLflow. Its methods promise what :class:`amlflow.spec.Tracker` says."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amlflow.spec import (
    FINAL,
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
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    TrackerBase,
)

from amlflow_mlflow.aliases import Lookup, is_own_id
from amlflow_mlflow.archiving import Archive
from amlflow_mlflow.bulk_reads import Bulk
from amlflow_mlflow.changes import KILLED, TAGS_AT_ONCE, check_conflict, has_first_property, spell
from amlflow_mlflow.creation import Creation, is_id
from amlflow_mlflow.data_inputs import show_inputs
from amlflow_mlflow.entities import ACTIVE, ALL, Experiment, Run, RunInfo
from amlflow_mlflow.files import Files
from amlflow_mlflow.limits import limits_of
from amlflow_mlflow.links import experiment_link, model_link, run_link
from amlflow_mlflow.models import Models
from amlflow_mlflow.own_paths import (
    Locations,
    file_store_paths,
    local_folder,
    own_paths,
    server_paths,
)
from amlflow_mlflow.paged_search import PagedSearch
from amlflow_mlflow.points import Points
from amlflow_mlflow.records import to_experiment, to_run
from amlflow_mlflow.run_numbers import Numbers
from amlflow_mlflow.run_pages import PAGE, RunPages
from amlflow_mlflow.schemes import is_elsewhere
from amlflow_mlflow.search import to_order
from amlflow_mlflow.several_calls import call_for_each
from amlflow_mlflow.snapshots import Snapshots
from amlflow_mlflow.spelling import DELETED, OWN, check_experiment_name, to_key, to_tag_value
from amlflow_mlflow.store import Store, remove_tag
from amlflow_mlflow.store_of_uri import open_store

RACES = 20
"""How often to try again after another process was faster."""


class MlflowTracker(TrackerBase):
    """A tracker that keeps experiments and runs in MLflow."""

    features = frozenset(Feature)

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._store: Store = open_store(uri)
        limits = limits_of(uri, is_atomic=self._store.is_atomic)
        self.known_limits = [*limits, *self._store.known_limits]
        self._files = Files(self._store)
        self._numbers = Numbers(self._store)
        self._pages = RunPages(self._store, self.get_experiment, self.list_experiments)
        self._lookup = Lookup(self._store)
        self._paged = PagedSearch(self._store, self._pages, self._lookup)
        dialect = self._store.dialect  # None if the store does not accept SQL
        self._bulk = None if dialect is None else Bulk(self._store.select, dialect)
        self._snapshots = Snapshots(self._store, self.ensure_experiment)
        put = functools.partial(self._files.put, replace=True)
        self._archive = Archive(self._store)
        self._points = Points(self._store, put, self._files.get)
        self._creation = Creation(self._store, self._files, self._points, self._lookup)
        self._models = Models(self._store, self._files, self)
        self._runs_with_status_tag: set[str] = set()
        """The runs whose status this object has put into a tag."""
        read = None if self._bulk is None else self._bulk.locations
        self._locations = Locations(self._experiments, read)

    # experiments

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        check_experiment_name(name)
        experiment = self._store.get_experiment_by_name(name)
        if experiment is None:
            # With this tag, MLflow's page shows the views for training runs.
            kind = {"mlflow.experimentKind": "custom_model_development"}
            try:
                experiment_id = self._store.create_experiment(name, kind)
                self._locations.forget()
            except Refused:
                # Perhaps another process has just created it. Otherwise, raise MLflow's error.
                experiment = self._store.get_experiment_by_name(name)
                if experiment is None:
                    raise
            else:
                experiment = self._store.get_experiment(experiment_id)
        return to_experiment(experiment)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        experiment = self._store.get_experiment_by_name(name)
        if experiment is None or DELETED in experiment.tags:
            return None
        return to_experiment(experiment)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        experiment = self._store.get_experiment(experiment_id)
        if DELETED in experiment.tags:
            raise ExperimentNotFound(experiment_id, self._store.where)
        return to_experiment(experiment)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        for experiment in self._experiments():
            if not experiment.name.startswith(OWN) and DELETED not in experiment.tags:
                yield to_experiment(experiment)

    def _experiments(self) -> Iterator[Experiment]:
        """Yield all experiments as MLflow has them."""
        token = None
        while True:
            page = self._store.search_experiments(PAGE, token)
            yield from page
            token = page.token
            if not token:
                return

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        if change.tags_removed:  # check this before anything is changed
            self._store.check_removes_experiment_tags(experiment_id)
        # MLflow raises an error if an experiment to restore or delete is already so.
        archives = change.archived is not None and change.archived != (
            self.get_experiment(experiment_id).archived is not None
        )
        tags = {to_key(key): to_tag_value(key, value) for key, value in change.tags.items()}
        if change.archived is False:
            self._archive.restore(experiment_id)
        if change.name is not None:
            self._store.rename_experiment(experiment_id, check_experiment_name(change.name))
        for key, value in tags.items():
            self._store.set_experiment_tag(experiment_id, key, value)
        for key in change.tags_removed:
            remove_tag(
                functools.partial(self._store.delete_experiment_tag, experiment_id, to_key(key))
            )
        if archives and change.archived:
            self._archive.archive(experiment_id)

    def delete_experiment(self, experiment_id: str) -> None:
        record = self.get_experiment(experiment_id)
        # For MLflow, all runs of an archived experiment are deleted.
        view = ACTIVE if record.archived is None else ALL
        if self._pages.page([experiment_id], "", to_order(None), 1, None, view):
            raise Refused(
                f"Experiment {record.name!r} has runs and is not deleted: v1 deletes empty "
                "experiments only. Archive it, or delete its runs in MLflow first."
            )
        # Rename it first: MLflow keeps the name of a deleted experiment taken until `mlflow gc`.
        if record.archived is not None:
            self._store.restore_experiment(experiment_id)
        new_name = f"{record.name}.deleted.{time.time_ns()}"
        self._store.rename_experiment(experiment_id, new_name)
        self._store.set_experiment_tag(experiment_id, DELETED, "true")
        self._store.delete_experiment(experiment_id)

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return self._creation.create(drafts)

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        not_found = RunNotFound(run_id, self._store.where)
        if is_own_id(run_id):
            try:
                run = self._store.get_run(run_id)
            except RunNotFound:
                run = None
            if run is not None and experiment_id in (None, run.info.experiment_id):
                return self._to_record(run)
            if run is not None:  # an alias that is this run's id counts as absent
                raise not_found
        elif not is_id(run_id):
            raise not_found
        if experiment_id is None:
            experiment_ids = [experiment.id for experiment in self.list_experiments()]
        else:
            experiment_ids = [experiment_id]
        run = self._creation.find_alias(run_id, experiment_ids)
        if run is None:
            raise not_found
        return self._to_record(run)

    def _to_record(self, run: Run) -> RunRecord:
        self._files.remember(run)
        record = self._lookup.check(to_run(run))
        if not self._archive.is_deleted(run.info):
            return record
        return dataclasses.replace(record, deleted=True)

    def show_inputs(self, run_id: str, inputs: Sequence[DataInput]) -> None:
        show_inputs(self._store, run_id, inputs)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        return self._numbers.of(runs)

    def count_runs(self, query: RunQuery) -> int | None:
        """Count runs by one statement. None without a database, or without experiments."""
        if self._bulk is None or not query.experiment_ids:
            return None
        return self._bulk.count(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """Return the runs that a field puts first. None as for :meth:`count_runs`."""
        if self._bulk is None or not query.experiment_ids:
            return None
        return self._bulk.first(query, field, last)

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """Read a few fields of many runs, by one statement. None as for :meth:`count_runs`."""
        if self._bulk is None or not query.experiment_ids:
            return None
        return self._bulk.values(query, fields)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        if self._bulk is not None and query.experiment_ids is None:
            active = [item.id for item in self.list_experiments() if item.archived is None]
            query = dataclasses.replace(query, experiment_ids=active)
        if self._bulk is not None and query.experiment_ids:
            has_runs = False
            for run in self._bulk.find(query):
                has_runs = True
                yield run
            if has_runs or len(query.experiment_ids) > 1:
                return
            self.get_experiment(query.experiment_ids[0])  # raises if it does not exist
            return
        yield from self._paged.find(query)

    def update_run(self, run_id: str, change: RunChange) -> None:
        with self._store.at_once():
            self._update_run(run_id, change)

    def _update_run(self, run_id: str, change: RunChange) -> None:
        todo = spell(change, noted=self.is_noted(run_id))
        if change.status in FINAL:
            self._runs_with_status_tag.discard(run_id)
        elif change.status is not None:
            self._runs_with_status_tag.add(run_id)
        if todo.status_first and todo.status is not None:
            self._set_status(run_id, todo.status, todo.ended)
        self._log(run_id, todo.params, todo.tags)
        self._remove_tags(run_id, todo.removed)
        if todo.starts:
            self._start(run_id, str(todo.status))
        elif todo.status is not None and not todo.status_first:
            self._set_status(run_id, todo.status, todo.ended)
        if change.status in FINAL:
            self.has_ended(run_id)
        if todo.status is None and todo.ended is not None:
            self._correct_end(run_id, todo.ended)

    def delete_run(self, run_id: str) -> None:
        info = self._store.get_run(run_id).info
        if info.lifecycle_stage == "active":
            self._store.delete_run(run_id)
        elif not self._archive.is_deleted(info):
            raise Refused(
                f"The experiment of run {run_id} is archived, and MLflow deletes no run of it. "
                "Reactivate the experiment first."
            )

    def restore_run(self, run_id: str) -> None:
        run = self._store.get_run(run_id)
        if self.get_experiment(run.info.experiment_id).archived is not None:
            raise Refused(
                f"The experiment of run {run_id} is archived. Reactivate the experiment first; "
                "MLflow then restores all of its runs."
            )
        if run.info.lifecycle_stage != "active":
            self._store.restore_run(run_id)

    def is_noted(self, run_id: str) -> bool:
        """Whether this object has put the run's status into a tag."""
        return run_id in self._runs_with_status_tag

    def has_ended(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._points.forget(run_id)

    def _start(self, run_id: str, status: str) -> None:
        """Set a run's status to running, unless another client has just killed it.

        MLflow keeps the end of a run that starts again. So if the run has an end now but did not
        have one before, another client has set it.
        """
        before = self._store.get_run(run_id).info
        starts_again = before.end_time is not None and before.status != KILLED
        info = self._set_status(run_id, status, None)
        if info.end_time and not starts_again:
            self._set_status(run_id, KILLED, None)

    def _correct_end(self, run_id: str, ended: int) -> None:
        """Set the end of a run that has ended.

        If another process starts the run again at the same time, MLflow keeps this end. That does
        no harm, as the end of a running run is not read.
        """
        if self.get_run(run_id).ended is not None:
            self._store.update_run_info(run_id, None, ended)

    def _set_status(self, run_id: str, status: str, ended: int | None) -> RunInfo:
        return self._store.update_run_info(run_id, status, ended)

    def _log(self, run_id: str, params: dict[str, str], tags: dict[str, str]) -> None:
        """Store params and tags. The first call has all params and the first tags.

        It stores nothing if a param is refused.
        """
        parts = [
            dict(list(tags.items())[start : start + TAGS_AT_ONCE])
            for start in range(0, len(tags), TAGS_AT_ONCE)
        ]
        if params:
            self._log_params(run_id, params, parts.pop(0) if parts else {})
        for part in parts:
            self._store.log_batch(run_id, tags=part)

    def _log_params(self, run_id: str, params: dict[str, str], tags: dict[str, str]) -> None:
        if has_first_property(params):  # MLflow would not see a conflict with a tag
            data = self._store.get_run(run_id).data
            check_conflict(params, data.params, data.tags)
        for attempt in range(RACES):
            try:
                self._store.log_batch(run_id, params=params, tags=tags)
            except Refused:
                # A conflict, or a race for the same key. In a race, the database's error does not
                # have the other process's value, which may be about to come. So read the params.
                data = self._store.get_run(run_id).data
                check_conflict(params, data.params, data.tags)
                is_race = attempt == 0 or any(key in data.params for key in params)
                if attempt == RACES - 1 or not is_race:
                    raise
            else:
                return

    def _remove_tags(self, run_id: str, keys: Sequence[str]) -> None:
        def remove(key: str) -> None:
            remove_tag(functools.partial(self._store.delete_tag, run_id, key))

        call_for_each(remove, keys, self._store.threads)

    # metrics

    def check_name(self, name: str) -> None:
        to_key(name)

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        self._points.write(run_id, points)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return self._points.read(run_id, names)

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        self._files.put(run_id, files, replace=replace)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return self._files.names(run_id, prefix)

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        self._files.get(run_id, name, destination)

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        return self._files.read_beginning(run_id, name, count)

    def has_snapshot(self, digest: str) -> bool:
        return self._snapshots.has(digest)

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self._snapshots.put(digest, archive)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self._snapshots.get(digest, destination)

    # models

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        return self._models.register(draft)

    def get_model(self, name: str, version: int) -> ModelRecord:
        return self._models.get(name, version)

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        return self._models.find(conditions)

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        self._models.update(name, version, change)

    def delete_model(self, name: str, version: int) -> None:
        self._models.delete(name, version)

    def list_model_files(self, name: str, version: int) -> list[str]:
        return self._models.list_files(name, version)

    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        self._models.get_files(name, version, files)

    def model_link(self, model: ModelRecord) -> str:
        return model_link(self.uri, model)

    # this machine

    def own_paths(self) -> Sequence[Path]:
        if is_elsewhere(self.uri):
            return []
        if self._store.is_server:
            return server_paths(self._locations.recent())
        paths = own_paths(self._store.database(), self._locations.ask())
        folder = local_folder(self.uri) if self.uri.startswith("file:") else None
        return paths if folder is None else [*file_store_paths(folder), *paths]

    # links

    def run_link(self, run: RunRecord) -> str:
        return run_link(self.uri, run)

    def experiment_link(self, experiment_id: str) -> str:
        return experiment_link(self.uri, experiment_id)
