"""The reference tracker: a short and correct tracker in memory.

Each ``MemoryTracker()`` is a store of its own within one process. Its data is lost when the process
ends.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.metric_numbers import add_metrics, from_place, names_metrics, sort_runs, value_of
from amlflow.spec import (
    ExperimentRecord,
    Feature,
    ModelRecord,
    Point,
    RunDraft,
    RunRecord,
)


class MemoryTracker(spec.TrackerBase):
    """A tracker that keeps everything in dicts, with one lock for all of them."""

    features = frozenset(Feature) - {Feature.SHARED}

    def __init__(self, uri: str = "memory://") -> None:
        super().__init__(uri)
        self._lock = threading.RLock()
        self._experiments: dict[str, ExperimentRecord] = {}
        self._runs: dict[str, RunRecord] = {}
        self._deleted: set[str] = set()
        self._points: dict[str, dict[Any, Point]] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        self._snapshots: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._models: dict[tuple[str, int], ModelRecord] = {}
        self._model_files: dict[tuple[str, int], dict[str, bytes]] = {}
        self._ids = itertools.count(1)

    # experiments

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        with self._lock:
            for record in self._experiments.values():
                if record.name == name:
                    return record
            record = ExperimentRecord(id=str(next(self._ids)), name=name, created=_now())
            self._experiments[record.id] = record
            return record

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        try:
            return self._experiments[experiment_id]
        except KeyError:
            raise spec.ExperimentNotFound(experiment_id) from None

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        yield from reversed(list(self._experiments.values()))

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        with self._lock:
            record = self.get_experiment(experiment_id)
            names = {experiment.name for experiment in self._experiments.values()}
            if change.name in names - {record.name}:
                raise spec.Refused(f"There is an experiment {change.name!r} already.")
            archived = record.archived
            if change.archived is not None:
                archived = _now() if change.archived else None
            self._experiments[experiment_id] = dataclasses.replace(
                record,
                name=record.name if change.name is None else change.name,
                archived=archived,
                tags=_drop({**record.tags, **change.tags}, change.tags_removed),
            )

    def delete_experiment(self, experiment_id: str) -> None:
        with self._lock:
            name = self.get_experiment(experiment_id).name
            runs = [run for run in self._runs.values() if run.id not in self._deleted]
            if any(run.experiment_id == experiment_id for run in runs):
                raise spec.Refused(f"Experiment {name!r} has runs and is not deleted.")
            del self._experiments[experiment_id]

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        with self._lock:
            for draft in drafts:
                self.get_experiment(draft.experiment_id)
            ids = [(d.experiment_id, d.run_id) for d in drafts if d.run_id is not None]
            for index, (experiment_id, run_id) in enumerate(ids):
                if (experiment_id, run_id) in ids[:index] or self._find(run_id, experiment_id):
                    raise spec.Refused(f"The experiment has a run {run_id!r} already.")
            return [self._add(record) for record in [to_record(draft) for draft in drafts]]

    def _add(self, record: RunRecord) -> RunRecord:
        self._runs[record.id] = record
        self._points[record.id], self._files[record.id] = {}, {}
        return record

    def _find(self, run_id: str, experiment_id: str | None) -> RunRecord | None:
        for run in (*filter(None, [self._runs.get(run_id)]), *self._runs.values()):
            if run_id in (run.id, run.alias) and experiment_id in (None, run.experiment_id):
                return run
        return None

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        with self._lock:
            run = self._find(run_id, experiment_id)
        if run is None:
            raise spec.RunNotFound(run_id)
        return dataclasses.replace(run, deleted=run.id in self._deleted)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        with self._lock:
            sorted_runs = sorted(self._runs.values(), key=lambda run: (run.created, run.id))
        counts = {run.experiment_id: itertools.count(1) for run in sorted_runs}
        numbers = {run.id: next(counts[run.experiment_id]) for run in sorted_runs}
        return [numbers[run.id] for run in runs]

    def find_runs(self, query: spec.RunQuery) -> Iterator[RunRecord]:
        with self._lock:
            runs = [run for run in self._runs.values() if run.id not in self._deleted]
            runs.sort(key=lambda run: run.id)
            runs.sort(key=lambda run: run.created, reverse=True)
            if names_metrics(query):
                runs = [add_metrics(run, self.read_points(run.id)) for run in runs]
            if query.order is not None:
                runs = sort_runs(runs, query.order)
                if query.place is not None:
                    runs = from_place(runs, query.order, query.place)
            archived_ids = {
                experiment.id for experiment in self._experiments.values() if experiment.archived
            }
        for run in runs:
            if query.experiment_ids is None:
                is_in_scope = run.experiment_id not in archived_ids
            else:
                is_in_scope = run.experiment_id in query.experiment_ids
            if is_in_scope and all(condition.holds(run) for condition in query.conditions):
                yield run

    def count_runs(self, query: spec.RunQuery) -> int:
        return sum(1 for _ in self.find_runs(query))

    def first_runs(self, query: spec.RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        name, _, key = field.partition(".")
        runs = list(self.find_runs(_with_fields(query, field)))
        order = spec.Order(name, key)
        if any(value_of(run, order) is None for run in runs):
            return None
        runs = sort_runs(runs, order)
        return runs[-query.limit :] if last else runs[: query.limit]

    def field_values(self, query: spec.RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        def value(run: RunRecord, field: str) -> Any:
            name, _, key = field.partition(".")
            return value_of(run, spec.Order(name, key))

        runs = self.find_runs(_with_fields(query, *fields))
        return [tuple(value(run, field) for field in fields) for run in runs]

    def update_run(self, run_id: str, change: spec.RunChange) -> None:
        with self._lock:
            run = self.get_run(run_id)
            self._runs[run.id] = spec.transition(run, change, now=_now())

    def delete_run(self, run_id: str) -> None:
        with self._lock:
            self._deleted.add(self.get_run(run_id).id)

    def restore_run(self, run_id: str) -> None:
        with self._lock:
            self._deleted.discard(self.get_run(run_id).id)

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        with self._lock:
            stored_points = self._points[self.get_run(run_id).id]
            for point in points:
                identity = (point.writer, point.name, point.position, point.time)
                stored_points.setdefault(identity, _copy(point))

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        with self._lock:
            points = list(self._points[self.get_run(run_id).id].values())
        selection = [_copy(point) for point in points if names is None or point.name in names]
        return sorted(selection, key=lambda point: (point.time, point.position))

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        with self._lock:
            stored_files = self._files[self.get_run(run_id).id]
            for name in files:
                spec.check_file_name(name)
                if name in stored_files and not replace:
                    raise spec.FileInRun(run_id, name)
            stored_files.update({name: path.read_bytes() for name, path in files.items()})

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        with self._lock:
            stored_files = self._files[self.get_run(run_id).id]
            return sorted(name for name in stored_files if name.startswith(prefix))

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        stored_files = self._files[self.get_run(run_id).id]
        if name not in stored_files:
            raise spec.FileNotInRun(run_id, name)
        destination.write_bytes(stored_files[name])

    def has_snapshot(self, digest: str) -> bool:
        return digest in self._snapshots

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self._snapshots[digest] = archive.read_bytes()

    def get_snapshot(self, digest: str, destination: Path) -> None:
        if not self.has_snapshot(digest):
            raise spec.Refused(f"Snapshot {digest!r} does not exist.")
        destination.write_bytes(self._snapshots[digest])

    # models

    def register_model(self, draft: spec.ModelDraft) -> ModelRecord:
        with self._lock:
            if draft.run_id is None:
                sources = {name: path.read_bytes() for name, path in draft.files.items()}
            else:
                sources = self._files[self.get_run(draft.run_id).id]
            start = len(draft.path) - len(draft.path.rpartition("/")[2])
            files = {
                name[start:]: content
                for name, content in sources.items()
                if name == draft.path or name.startswith(f"{draft.path}/")
            }
            if not files:
                raise spec.Refused(f"The run has no file or folder {draft.path!r}.")
            version = self._versions.get(draft.name, 0) + 1
            record = ModelRecord(
                name=draft.name, version=version, run_id=draft.run_id, created=_now(),
                user="somebody", description=draft.description, tags=dict(draft.tags),
                properties=dict(draft.properties), system=dict(draft.system),
            )  # fmt: skip
            self._versions[draft.name] = version
            self._models[draft.name, version] = record
            self._model_files[draft.name, version] = files
            return record

    def get_model(self, name: str, version: int) -> ModelRecord:
        try:
            return self._models[name, version]
        except KeyError:
            raise spec.ModelNotFound(f"name {name}, version {version}") from None

    def find_models(self, conditions: Sequence[spec.Condition] = ()) -> Iterator[ModelRecord]:
        with self._lock:
            models = list(reversed(self._models.values()))
        for model in models:
            if all(condition.holds(model) for condition in conditions):
                yield model

    def update_model(self, name: str, version: int, change: spec.ModelChange) -> None:
        with self._lock:
            self._models[name, version] = self.get_model(name, version).changed(change)

    def delete_model(self, name: str, version: int) -> None:
        with self._lock:
            self.get_model(name, version)
            del self._models[name, version], self._model_files[name, version]

    def list_model_files(self, name: str, version: int) -> list[str]:
        self.get_model(name, version)
        return sorted(self._model_files[name, version])

    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        self.get_model(name, version)
        for file, destination in files.items():
            if file not in self._model_files[name, version]:
                raise spec.FileNotInModel(name, version, file)
            destination.write_bytes(self._model_files[name, version][file])

    def model_link(self, model: ModelRecord) -> str:
        return f"{self.uri}/models/{model.name}/{model.version}"

    # links

    def run_link(self, run: RunRecord) -> str:
        return f"{self.uri}/runs/{run.id}"

    def experiment_link(self, experiment_id: str) -> str:
        return f"{self.uri}/experiments/{experiment_id}"


def to_record(draft: RunDraft) -> RunRecord:
    """Return the record of a new run."""
    run_id = uuid.uuid4().hex
    return RunRecord(
        id=run_id,
        alias=draft.run_id,
        experiment_id=draft.experiment_id,
        parent_id=draft.parent_id,
        root_id=draft.root_id or (None if draft.parent_id else run_id),
        name=draft.name or f"run-{run_id[:8]}",
        type=draft.type,
        status=draft.status,
        created=draft.created,
        started=None if draft.status in spec.UNSTARTED else draft.created,
        ended=draft.created if draft.status in spec.FINAL else None,
        user="somebody",
        description=draft.description,
        tags=dict(draft.tags),
        properties=dict(draft.properties),
        system=dict(draft.system),
    )


def _drop(tags: dict[str, str | None], removed: Sequence[str]) -> dict[str, str | None]:
    return {key: value for key, value in tags.items() if key not in removed}


def _copy(point: Point) -> Point:
    return dataclasses.replace(point, value=copy.deepcopy(point.value))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _with_fields(query: spec.RunQuery, *fields: str) -> spec.RunQuery:
    return dataclasses.replace(query, fields=frozenset({*fields, *(query.fields or ())}))
