"""Mutants of the reference tracker: points, files, snapshots, experiments and models."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from amlflow import spec
from amlflow.spec import (
    Condition,
    ExperimentChange,
    ExperimentRecord,
    ModelChange,
    ModelDraft,
    ModelRecord,
    Point,
)
from amlflow.testing.memory import MemoryTracker

replace = dataclasses.replace


class Doubled(MemoryTracker):
    """
    Point: position (the step, or order without a step), writer, name and time identify the point: a
        tracker stores it once, however often it is sent.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        with self._lock:
            kept = self._points[self.get_run(run_id).id]
            kept.update({uuid.uuid4(): point for point in points})


class WritersMixed(MemoryTracker):
    """
    Point: writer is the process that logged the point; order counts the points of this writer, name
        and run, from 0.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, [replace(point, writer="one") for point in points])


class ByPositionAlone(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return sorted(super().read_points(run_id, names), key=lambda point: point.position)


class AllAreFloats(MemoryTracker):
    """
    read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id, names)
        return [replace(p, value=float(p.value)) if type(p.value) is bool else p for p in found]


class RowsAreTables(MemoryTracker):
    """Kind: The kind of a metric, in v1's words; it decides the type of Point.value."""

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        row, table = spec.Kind.ROW, spec.Kind.TABLE
        found = super().read_points(run_id, names)
        return [replace(p, kind=table) if p.kind is row else p for p in found]


class StepsLost(MemoryTracker):
    """
    Point: A tracker need not return a point's writer; if it cannot tell whether a step was given,
        it may return the position as step.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return [replace(point, step=None) for point in super().read_points(run_id, names)]


class NamesMixed(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id)
        return [p for p in found if names is None or p.name.startswith(tuple(names))]


class Overwritten(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=True)


class SomeFilesStored(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in sorted(files, reverse=True):
            super().put_files(run_id, {name: files[name]}, replace=replace)


class SmallFiles(MemoryTracker):
    """put_files: Store local files of any size under names that may contain /."""

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        super().get_file(run_id, name, destination)
        destination.write_bytes(destination.read_bytes()[: 16 << 20])


class EmptyForMissing(MemoryTracker):
    """
    get_file: Raises RunNotFound, or FileNotInRun if the run has no such file, and then writes
        nothing.
    """

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        destination.touch()
        super().get_file(run_id, name, destination)


class WholeFolders(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
        own.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        return super().list_files(run_id, folder)


class NoSuchSnapshot(MemoryTracker):
    """get_snapshot: Raises Refused if it is not stored."""

    def get_snapshot(self, digest: str, destination: Path) -> None:
        if self.has_snapshot(digest):
            super().get_snapshot(digest, destination)


class OneExperimentEach(MemoryTracker):
    """
    ensure_experiment: The experiment with this name, created if there is none; an archived one
        stays so.
    """

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        found = super().ensure_experiment(name)
        if found.archived is not None:
            self.update_experiment(found.id, ExperimentChange(archived=False))
        return super().ensure_experiment(name)


class ExperimentsCreatedByLooking(MemoryTracker):
    """
    find_experiment: The experiment with this name, or None; it creates none, so a reader may call
        it.
    """

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        return self.ensure_experiment(name)


class OldExperimentsFirst(MemoryTracker):
    """list_experiments: All experiments, also archived ones, newest first."""

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return reversed(list(super().list_experiments()))


class RunsDeleted(MemoryTracker):
    """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        self.get_experiment(experiment_id)
        del self._experiments[experiment_id]


class OneVersion(MemoryTracker):
    """
    register_model: Register the next version of a model, from 1; a version is there whole or not
        at all.
    """

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        return replace(super().register_model(draft), version=1)


class NumberUsedAgain(MemoryTracker):
    """
    register_model: Registrations at the same time get different versions, and a deleted version's
        number is not used again.
    """

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        numbers = [version for name, version in self._models if name == draft.name]
        self._versions[draft.name] = max(numbers, default=0)
        return super().register_model(draft)


class ModelPropertyReplaced(MemoryTracker):
    """
    ModelChange: Properties can be added but not changed: if a key already has another value, even
        if another process adds it at the same time, the whole change is a PropertyConflict.
    """

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        with self._lock:
            record = self.get_model(name, version)
            properties = {**record.properties, **change.properties}
            record = record.changed(replace(change, properties={}))
            self._models[name, version] = replace(record, properties=properties)


class ModelTagsReplaced(MemoryTracker):
    """ModelChange: A change to a version of a model; what is not given stays as it is."""

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        super().update_model(name, version, change)
        with self._lock:
            record = self.get_model(name, version)
            self._models[name, version] = replace(record, tags=dict(change.tags))


class OldModelsFirst(MemoryTracker):
    """find_models: The versions of all models that meet all conditions, newest first."""

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        return reversed(list(super().find_models(conditions)))


class RunOfLocalFiles(MemoryTracker):
    """
    ModelRecord: run_id is the tracker's id of the run that has the content, or None if local files
        were registered.
    """

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        record = super().register_model(draft)
        return replace(record, run_id=record.run_id or uuid.uuid4().hex)


class WholePaths(MemoryTracker):
    """list_model_files: A name begins with the last part of the draft's path."""

    def list_model_files(self, name: str, version: int) -> list[str]:
        return [f"outputs/{file}" for file in super().list_model_files(name, version)]


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
