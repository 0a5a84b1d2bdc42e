"""The reference tracker: the contract in memory, as short as it can be and right.

``memory://<name>`` is one store for a process; nothing outlives it.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amlflow.spec import (
    FINAL,
    UNSTARTED,
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Feature,
    FileInRun,
    FileNotInRun,
    ModelRecord,
    Point,
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
)


class MemoryTracker:
    """Everything in dicts under one lock."""

    features = frozenset(Feature)

    def __init__(self, uri: str = "memory://") -> None:
        self.uri = uri
        self._lock = threading.RLock()
        self._folder = TemporaryDirectory(prefix="amlflow-memory-")
        self._files = Path(self._folder.name)
        self._experiments: dict[str, ExperimentRecord] = {}
        self._runs: dict[str, RunRecord] = {}
        self._points: dict[str, dict[Any, Point]] = {}
        self._models: dict[str, int] = {}
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
            raise ExperimentNotFound(experiment_id) from None

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        yield from reversed(list(self._experiments.values()))

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        with self._lock:
            record = self.get_experiment(experiment_id)
            tags = {**record.tags, **change.tags}
            archived = record.archived
            if change.archived is not None:
                archived = _now() if change.archived else None
            self._experiments[experiment_id] = dataclasses.replace(
                record,
                name=change.name or record.name,
                archived=archived,
                tags={key: tags[key] for key in tags if key not in change.tags_removed},
            )

    def delete_experiment(self, experiment_id: str) -> None:
        with self._lock:
            name = self.get_experiment(experiment_id).name
            if any(run.experiment_id == experiment_id for run in self._runs.values()):
                raise Refused(f"Experiment {name!r} has runs and is not deleted.")
            del self._experiments[experiment_id]

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        with self._lock:
            for draft in drafts:
                if draft.run_id is not None and self._found(draft.run_id, draft.experiment_id):
                    raise Refused(f"The experiment has a run {draft.run_id!r} already.")
            return [self._create(draft) for draft in drafts]

    def _create(self, draft: RunDraft) -> RunRecord:
        run_id = uuid.uuid4().hex
        record = RunRecord(
            id=run_id,
            alias=draft.run_id,
            experiment_id=draft.experiment_id,
            parent_id=draft.parent_id,
            root_id=draft.root_id or (None if draft.parent_id else run_id),
            name=draft.name or f"run-{run_id[:8]}",
            type=draft.type,
            status=draft.status,
            created=draft.created,
            started=None if draft.status in UNSTARTED else draft.created,
            user="somebody",
            description=draft.description,
            tags=dict(draft.tags),
            properties=dict(draft.properties),
            system=dict(draft.system),
        )
        self._runs[run_id] = record
        self._points[run_id] = {}
        return record

    def _found(self, run_id: str, experiment_id: str | None) -> RunRecord | None:
        for run in self._runs.values():
            if run_id in (run.id, run.alias) and experiment_id in (None, run.experiment_id):
                return run
        return None

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        with self._lock:
            found = self._found(run_id, experiment_id)
        if found is None:
            raise RunNotFound(run_id)
        return found

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        numbers: dict[str, int] = {}
        counts: dict[str, int] = {}
        with self._lock:
            for run in sorted(self._runs.values(), key=lambda run: (run.created, run.id)):
                counts[run.experiment_id] = counts.get(run.experiment_id, 0) + 1
                numbers[run.id] = counts[run.experiment_id]
        return [numbers[run.id] for run in runs]

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        with self._lock:
            runs = sorted(self._runs.values(), key=lambda run: run.id)
            runs.sort(key=lambda run: run.created, reverse=True)
            archived = {each.id for each in self._experiments.values() if each.archived}
        for run in runs:
            if query.experiment_ids is None:
                wanted = run.experiment_id not in archived
            else:
                wanted = run.experiment_id in query.experiment_ids
            if wanted and all(condition.holds(run) for condition in query.conditions):
                yield run

    def update_run(self, run_id: str, change: RunChange) -> None:
        with self._lock:
            run = self.get_run(run_id)
            for key, value in change.properties.items():
                if run.properties.get(key, value) != value:
                    raise PropertyConflict(key, run.properties[key], value)
            tags = {**run.tags, **change.tags}
            changes: dict[str, Any] = {
                "tags": {key: tags[key] for key in tags if key not in change.tags_removed},
                "properties": {**run.properties, **change.properties},
                "system": {**run.system, **change.system},
            }
            for field in ("status", "started", "ended", "name", "description"):
                if getattr(change, field) is not None:
                    changes[field] = getattr(change, field)
            if change.status in FINAL:
                changes.setdefault("ended", _now())
            elif change.status is not None and change.status not in UNSTARTED:
                changes.setdefault("started", run.started or _now())
            self._runs[run_id] = dataclasses.replace(run, **changes)

    # metrics

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        with self._lock:
            self.get_run(run_id)
            for point in points:
                identity = (point.writer, point.name, point.position, point.time)
                self._points[run_id].setdefault(identity, point)

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        with self._lock:
            self.get_run(run_id)
            found = [
                point
                for point in self._points[run_id].values()
                if names is None or point.name in names
            ]
        return sorted(found, key=lambda point: (point.time, point.position))

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        self.get_run(run_id)
        for name in files:
            if not replace and (self._files / run_id / name).exists():
                raise FileInRun(run_id, name)
        for name, path in files.items():
            target = self._files / run_id / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        self.get_run(run_id)
        root = self._files / run_id
        names = (each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())
        return sorted(name for name in names if name.startswith(prefix))

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        path = self._files / run_id / name
        if not path.is_file():
            raise FileNotInRun(run_id, name)
        shutil.copyfile(path, destination)

    def has_snapshot(self, digest: str) -> bool:
        return (self._files / "snapshots" / digest).exists()

    def put_snapshot(self, digest: str, archive: Path) -> None:
        (self._files / "snapshots").mkdir(exist_ok=True)
        shutil.copyfile(archive, self._files / "snapshots" / digest)

    def get_snapshot(self, digest: str, destination: Path) -> None:
        if not self.has_snapshot(digest):
            raise Refused(f"There is no snapshot {digest!r}.")
        shutil.copyfile(self._files / "snapshots" / digest, destination)

    # models and links

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
        with self._lock:
            version = self._models[name] = self._models.get(name, 0) + 1
        return ModelRecord(
            name=name,
            version=version,
            run_id=run_id,
            created=_now(),
            description=description,
            tags=dict(tags or {}),
            properties=dict(properties or {}),
        )

    def run_link(self, run: RunRecord) -> str:
        return f"{self.uri}/runs/{run.id}"

    def experiment_link(self, experiment_id: str) -> str:
        return f"{self.uri}/experiments/{experiment_id}"


def _now() -> datetime:
    return datetime.now(timezone.utc)
