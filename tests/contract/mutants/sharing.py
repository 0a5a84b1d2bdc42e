"""Mutants that are wrong only where several processes share a tracker."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.spec import (
    FINAL,
    ExperimentRecord,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker
from helpers.shared_tracker import SharedTracker

from mutants.dying import REPEATED, Dying
from mutants.meeting import meet_process, wait_until

replace = dataclasses.replace
GET = "get_run: The run with this id or alias, in this experiment, or in any if None."
FIND = """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """
SHARED = "page: Other processes and machines change the same runs at the same time."
WHOLE = """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """
LATE = """
    transition: Any other status that comes later is ignored, and the rest of the change is applied.
    """


class StaleCache(SharedTracker):
    __doc__ = GET

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        kept = self.__dict__.setdefault("kept", {})
        if self._depth:
            return MemoryTracker.get_run(self, run_id, experiment_id)
        if (run_id, experiment_id) not in kept:
            kept[run_id, experiment_id] = super().get_run(run_id, experiment_id)
        run: RunRecord = kept[run_id, experiment_id]
        return run

    def update_run(self, run_id: str, change: RunChange) -> None:
        self.__dict__.pop("kept", None)
        super().update_run(run_id, change)


class StaleSearch(SharedTracker):
    __doc__ = FIND

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        kept = self.__dict__.setdefault("found", {})
        if repr(query) not in kept:
            kept[repr(query)] = list(super().find_runs(query))
        return iter(kept[repr(query)])

    def update_run(self, run_id: str, change: RunChange) -> None:
        self.__dict__.pop("found", None)
        super().update_run(run_id, change)


class StaleExperiments(SharedTracker):
    __doc__ = SHARED

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        kept = self.__dict__.setdefault("kept", {})
        record: ExperimentRecord = kept.setdefault(
            experiment_id, super().get_experiment(experiment_id)
        )
        return record


class StaleFiles(SharedTracker):
    __doc__ = SHARED

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        kept = self.__dict__.setdefault("kept", {})
        super().get_file(run_id, name, destination)
        destination.write_bytes(kept.setdefault((run_id, name), destination.read_bytes()))

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=replace)
        contents = {(run_id, name): path.read_bytes() for name, path in files.items()}
        self.__dict__.setdefault("kept", {}).update(contents)


class MissingForGood(SharedTracker):
    __doc__ = SHARED

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        missing = self.__dict__.setdefault("missing", set())
        if run_id in missing:
            raise spec.RunNotFound(run_id)
        try:
            return super().get_run(run_id, experiment_id)
        except spec.RunNotFound:
            missing.add(run_id)
            raise


class NamesUniqueInAProcess(SharedTracker):
    """
    ensure_experiment: The experiment with this name, created if there is none; an archived one
        stays so.
    """

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        known = {record.name: record for record in self.list_experiments()}
        if name in known:
            return known[name]
        meet_process(self._path, name)
        with self.open(is_write=True):
            record = ExperimentRecord(
                id=str(next(self._ids)), name=name, created=datetime.now(timezone.utc)
            )
            self._experiments[record.id] = record
            return record


class IdsUniqueInAProcess(SharedTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        known = self.__dict__.setdefault("known", set())
        ids = {(draft.experiment_id, draft.run_id) for draft in drafts if draft.run_id}
        if known & ids:
            raise spec.Refused("This process has made one of these runs.")
        known |= ids
        runs = super().create_runs([replace(draft, run_id=None) for draft in drafts])
        with self.open(is_write=True):
            for run, draft in zip(runs, drafts, strict=True):
                self._runs[run.id] = replace(run, alias=draft.run_id)
            return [self._runs[run.id] for run in runs]


class LateAcross(SharedTracker):
    __doc__ = LATE

    def update_run(self, run_id: str, change: RunChange) -> None:
        kept = self.__dict__.setdefault("kept", {})
        final = kept.setdefault(run_id, self.get_run(run_id).status) in FINAL
        super().update_run(run_id, change)
        if change.status is not None and not final:
            kept[run_id] = change.status
            with self.open(is_write=True):
                self._runs[run_id] = replace(self._runs[run_id], status=change.status)


class LateInARace(SharedTracker):
    __doc__ = LATE

    def update_run(self, run_id: str, change: RunChange) -> None:
        racing = Status.COMPLETED, Status.CANCEL_REQUESTED
        if change.status not in racing or self.get_run(run_id).status in FINAL:
            super().update_run(run_id, change)
            return
        meet_process(self._path, run_id)
        if change.status not in FINAL:
            wait_until(lambda: self.get_run(run_id).status != Status.RUNNING)
        super().update_run(run_id, change)
        if change.status in FINAL:
            return
        with self.open(is_write=True):
            self._runs[run_id] = replace(self._runs[run_id], status=change.status)


class ConflictAcross(SharedTracker):
    """
    RunChange: Properties can be added but not changed: if a key already has another value, even if
        another process adds it at the same time, the whole change is a PropertyConflict.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        properties = self.get_run(run_id).properties
        for key, value in change.properties.items():
            if properties.get(key, value) != value:
                raise spec.PropertyConflict(key, properties[key], value)
        meet_process(self._path, run_id)
        with self.open(is_write=True):
            run = self._runs[run_id]
            others = {k: v for k, v in run.properties.items() if k not in change.properties}
            self._runs[run_id] = replace(run, properties=others)
            MemoryTracker.update_run(self, run_id, change)


class FileRaceAcross(SharedTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in self.list_files(run_id):
            if name in files and not replace:
                raise spec.FileInRun(run_id, name)
        meet_process(self._path, f"{run_id} {sorted(files)}")
        super().put_files(run_id, files, replace=True)


class TwiceAcross(SharedTracker):
    """
    Point: position (the step, or order without a step), writer, name and time identify the point: a
        tracker stores it once, however often it is sent.
    """

    def write_points(self, run_id: str, points: Sequence[spec.Point]) -> None:
        known = self.__dict__.setdefault("known", set())
        with self.open(is_write=True):
            stored_points = self._points[self.get_run(run_id).id]
            for point in points:
                identity = (point.writer, point.name, point.position, point.time)
                if (run_id, identity) not in known:
                    known.add((run_id, identity))
                    stored_points[(*identity, len(stored_points))] = point


class NotForkSafe(SharedTracker):
    __doc__ = SHARED
    pids: dict[str, int] = {}  # noqa: RUF012  (what all of a process's trackers share)

    def load(self) -> None:
        if self.pids.setdefault(self.uri, os.getpid()) != os.getpid():
            raise RuntimeError("The connection was made in another process.")
        super().load()


class EveryThirdIsLate(SharedTracker):
    __doc__ = SHARED

    def save(self) -> None:
        self.__dict__["saves"] = self.__dict__.get("saves", 0) + 1
        if self.__dict__["saves"] % 3:
            super().save()


class HalfWhenKilled(Dying):
    __doc__ = WHOLE
    caught_by = "test_a_writer_that_is_killed"

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key, value in [*change.properties.items()][:1]:
            super().update_run(run_id, RunChange(properties={key: value}))
            self.die(after=REPEATED)
        super().update_run(run_id, change)


class TornFile(Dying):
    __doc__ = WHOLE
    caught_by = "test_a_writer_that_is_killed"

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, {name: Path(os.devnull) for name in files}, replace=replace)
        self.die(after=REPEATED)
        super().put_files(run_id, files, replace=True)


class NameIsReserved(Dying):
    """
    ensure_experiment: The experiment with this name, created if there is none; an archived one
        stays so.
    """

    caught_by = "test_an_experiment_whose_creator_is_killed"

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        reservation = self._path.with_name(hashlib.sha256(name.encode()).hexdigest())
        known = {record.name: record for record in self.list_experiments()}
        if name in known:
            return known[name]
        try:
            reservation.touch(exist_ok=False)
        except FileExistsError:
            raise spec.Refused("Another process creates this experiment.") from None
        self.die(after=REPEATED)
        return super().ensure_experiment(name)


class BatchRunByRun(Dying):
    __doc__ = WHOLE
    caught_by = "test_runs_whose_creator_is_killed"

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        runs = super().create_runs(drafts[:1])
        self.die(after=REPEATED)
        return [*runs, *super().create_runs(drafts[1:])]


class PropertiesAfterTheRun(Dying):
    __doc__ = WHOLE
    caught_by = "test_runs_whose_creator_is_killed"

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        runs = super().create_runs([replace(draft, properties={}) for draft in drafts])
        self.die(after=REPEATED)
        for run, draft in zip(runs, drafts, strict=True):
            self.update_run(run.id, RunChange(properties=draft.properties))
        return [self.get_run(run.id) for run in runs]


class IdIsReserved(Dying):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    caught_by = "test_runs_whose_creator_is_killed"

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            if draft.run_id is not None:
                name = f"{draft.experiment_id} {draft.run_id}"
                try:
                    self._path.with_name(name).touch(exist_ok=False)
                except FileExistsError:
                    raise spec.Refused("The experiment has this run already.") from None
        self.die(after=REPEATED)
        return super().create_runs(drafts)


class TornSnapshot(Dying):
    """put_snapshot: Store a zip archive under the digest of its content."""

    caught_by = "test_a_snapshot_whose_writer_is_killed"

    def put_snapshot(self, digest: str, archive: Path) -> None:
        super().put_snapshot(digest, Path(os.devnull))
        self.die(after=REPEATED)
        super().put_snapshot(digest, archive)


class VersionBeforeItsFiles(Dying):
    """
    register_model: Register the next version of a model, from 1; a version is there whole or not at
        all.
    """

    caught_by = "test_a_model_whose_creator_is_killed"

    def register_model(self, draft: spec.ModelDraft) -> spec.ModelRecord:
        with self.open(is_write=True):
            model = MemoryTracker.register_model(self, draft)
            version = model.name, model.version
            files, self._model_files[version] = self._model_files[version], {}
        self.die(after=REPEATED)
        with self.open(is_write=True):
            self._model_files[version] = files
        return model


class FilesBeforeTheirVersion(Dying):
    __doc__ = WHOLE
    caught_by = "test_changes_whose_writer_is_killed"

    def delete_model(self, name: str, version: int) -> None:
        with self.open(is_write=True):
            self.get_model(name, version)
            self._model_files[name, version] = {}
        self.die()
        super().delete_model(name, version)


class NameBeforeTheExperiment(Dying):
    __doc__ = WHOLE
    caught_by = "test_changes_whose_writer_is_killed"

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        if change.name is not None:
            super().update_experiment(experiment_id, spec.ExperimentChange(name="unnamed"))
            self.die()
        super().update_experiment(experiment_id, change)


class RestoredByOthersOnly(Dying):
    __doc__ = WHOLE
    caught_by = "test_changes_whose_writer_is_killed"

    def restore_run(self, run_id: str) -> None:
        mark = self._path.with_name(f"{run_id}.restored")
        if not mark.exists():
            mark.touch()
            self.die()
            super().restore_run(run_id)


class LockIsLeft(Dying):
    __doc__ = WHOLE
    caught_by = "test_a_writer_that_is_killed"

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._depth:  # within a call that holds the lock
            return super().call(name, *args, **kwargs)
        lock = self._path.with_suffix(".held")
        deadline = time.monotonic() + 3
        while True:
            try:
                lock.touch(exist_ok=False)
                break
            except FileExistsError:
                if time.monotonic() > deadline:
                    raise spec.Unavailable("Another process holds the lock.") from None
                time.sleep(0.001)
        if name == "write_points":
            self.die(after=REPEATED)
        try:
            return super().call(name, *args, **kwargs)
        finally:
            lock.unlink()


CLASSES = (*SharedTracker.__subclasses__(), *Dying.__subclasses__())
MUTANTS = [each for each in CLASSES if each.__module__ == __name__]
