"""Mutants that do in steps what is one step, or that stop at a page's end; and wrong statuses."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.spec import FINAL, Point, RunChange, RunDraft, RunQuery, RunRecord, Status
from amlflow.testing.memory import MemoryTracker

from mutants.meeting import is_alone, meet_thread, wait_until

replace = dataclasses.replace
INTERRUPTED = """
    page: The same holds if another exception interrupts it, such as KeyboardInterrupt; the next
        call works.
    """


# --- Pages --------------------------------------------------------------------------------------


class AtMost10000Points(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return super().read_points(run_id, names)[:10_000]


class AtMost1000Files(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
        own.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return super().list_files(run_id, prefix)[:1000]


class OffsetPaging(MemoryTracker):
    """
    find_runs: A run that is created meanwhile does not shift the others: none comes twice, and none
        is left out.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for start in itertools.count(0, 1000):
            page = list(super().find_runs(query))[start : start + 1000]
            yield from page
            if len(page) < 1000:
                return


class PagesAfterAnEnd(MemoryTracker):
    """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = list(super().find_runs(query))
        for start in range(0, len(runs), 1000):
            current = {run.id for run in super().find_runs(query)}
            if start and len(current) < len(runs):  # those that no longer match shift the rest
                start += len(runs) - len(current)
            yield from runs[start : start + 1000]


class LimitIsHardForAll(MemoryTracker):
    """RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        hard = query.limit if query.experiment_ids is None else 0
        return itertools.islice(super().find_runs(query), hard or None)


class DedupeWindow(MemoryTracker):
    """
    Point: position (the step, or order without a step), writer, name and time identify the point: a
        tracker stores it once, however often it is sent.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        stored_points = self._points[self.get_run(run_id).id]
        for point in points:
            known = list(stored_points)[-100:]
            identity = (point.writer, point.name, point.position, point.time)
            if identity not in known:
                stored_points[(*identity, len(stored_points))] = point
                stored_points[identity] = stored_points.pop(identity, point)
                if len(known) < 100:
                    del stored_points[(*identity, len(stored_points) - 2)]


# --- Steps --------------------------------------------------------------------------------------


class PropertiesOneByOne(MemoryTracker):
    """PropertyConflict: Nothing of the refused change was applied."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key, value in change.properties.items():
            super().update_run(run_id, RunChange(properties={key: value}))
        super().update_run(run_id, change)


class SortedPropertiesOneByOne(MemoryTracker):
    """PropertyConflict: Nothing of the refused change was applied."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key in sorted(change.properties, reverse=True):
            super().update_run(run_id, RunChange(properties={key: change.properties[key]}))
        super().update_run(run_id, change)


class BatchPartlyMadeOnUnknownExperiment(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        if all(draft.experiment_id in self._experiments for draft in drafts):
            return super().create_runs(drafts)
        return [super(type(self), self).create_runs([draft])[0] for draft in drafts]


class FilesOneByOne(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in files:
            super().put_files(run_id, {name: files[name]}, replace=replace)


class FileRace(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in self.list_files(run_id):
            if name in files and not replace:
                raise spec.FileInRun(run_id, name)
        meet_thread(self, f"{run_id} {sorted(files)}")
        super().put_files(run_id, files, replace=True)


class LostLocalFile(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        if all(path.exists() for path in files.values()):
            super().put_files(run_id, files, replace=replace)
            return
        for name, path in files.items():
            if not path.exists():
                raise spec.Refused(f"{path} does not exist.")
            super().put_files(run_id, {name: path}, replace=replace)


class NumbersByInsertion(MemoryTracker):
    """
    run_numbers: The number of each run in its experiment by creation, from 1, children included.
    """

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        return [
            1 + [each.id for each in self._runs.values() if each.experiment_id == run.experiment_id]
            .index(run.id)
            for run in runs
        ]  # fmt: skip


# --- Statuses -----------------------------------------------------------------------------------

AFTER_THE_END = """
    transition: Any other status that comes later is ignored, and the rest of the change is applied.
    """
ANOTHER_END = """
    transition: A final status is replaced only by another one, or by Running, which starts the run
        again.
    """


class FirstFinalWins(MemoryTracker):
    __doc__ = ANOTHER_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id).status
        if (before, change.status) == (Status.COMPLETED, Status.FAILED):
            change = replace(change, status=None)
        super().update_run(run_id, change)


class LateNotResponding(MemoryTracker):
    __doc__ = AFTER_THE_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        ended = self.__dict__.setdefault("ended", set())
        if change.status in FINAL:
            ended.add(run_id)
        if change.status == Status.NOT_RESPONDING:
            if not is_alone():
                wait_until(lambda: run_id in ended)
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, status=change.status, ended=None)


class LatePaused(MemoryTracker):
    __doc__ = AFTER_THE_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.status in (Status.PAUSED, Status.PAUSING, Status.UNAPPROVED):
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, status=str(change.status))


class CanceledIsForGood(MemoryTracker):
    __doc__ = ANOTHER_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        if self.get_run(run_id).status == Status.CANCELED:
            change = replace(change, status=None)
        super().update_run(run_id, change)


class StatusRace(MemoryTracker):
    __doc__ = AFTER_THE_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id).status
        if change.status is None or before in FINAL:
            return super().update_run(run_id, change)
        meet_thread(self, run_id)
        ended = self.__dict__.setdefault("ended", set())
        if change.status not in FINAL and not is_alone():
            wait_until(lambda: run_id in ended)
        super().update_run(run_id, change)
        if change.status in FINAL:
            ended.add(run_id)
            return None
        run = self.get_run(run_id)
        self._runs[run.id] = replace(run, status=change.status)
        return None


class SecondFinalKeepsEnd(MemoryTracker):
    """transition: A final status sets the end time to ended, or to now."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        super().update_run(run_id, change)
        if before.ended is not None and change.status in FINAL:
            self._runs[before.id] = replace(self.get_run(run_id), ended=before.ended)


class EndIsForGood(MemoryTracker):
    """
    transition: Without a status, ended corrects the end time of a run that has ended, and is
        ignored otherwise.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is None:
            change = replace(change, ended=None)
        super().update_run(run_id, change)


class RestartedKeepsItsEnd(MemoryTracker):
    """transition: A run has an end time only while its status is final."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        super().update_run(run_id, change)
        if before.status == Status.FAILED and change.status == Status.RUNNING:
            self._runs[before.id] = replace(self.get_run(run_id), ended=before.ended)


class LateStatusDropsTheRest(MemoryTracker):
    __doc__ = AFTER_THE_END

    def update_run(self, run_id: str, change: RunChange) -> None:
        late = change.status not in (*FINAL, Status.RUNNING, None)
        if not (late and self.get_run(run_id).status in FINAL):
            super().update_run(run_id, change)


class TagsAsTheyCome(MemoryTracker):
    __doc__ = INTERRUPTED

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key, value in change.tags.items():
            super().update_run(run_id, RunChange(tags={key: value}))
        super().update_run(run_id, change)


class NotesAfterTheRest(MemoryTracker):
    __doc__ = INTERRUPTED

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, system={}))
        super().update_run(run_id, RunChange(system=dict(change.system)))


class RunsAsTheyCome(MemoryTracker):
    __doc__ = INTERRUPTED

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        ids = [draft.run_id for draft in list(drafts)]
        if len(set(ids)) < len(ids) - ids.count(None):
            return super().create_runs(drafts)
        for draft in drafts:
            self.get_experiment(draft.experiment_id)
            if draft.run_id is not None and self._find(draft.run_id, draft.experiment_id):
                return super().create_runs(drafts)
        return [super(RunsAsTheyCome, self).create_runs([draft])[0] for draft in drafts]


class KeepsTheLock(MemoryTracker):
    __doc__ = INTERRUPTED

    def update_run(self, run_id: str, change: RunChange) -> None:
        self._lock.acquire()
        super().update_run(run_id, change)
        self._lock.release()


class LosesAVersion(MemoryTracker):
    __doc__ = INTERRUPTED

    def register_model(self, draft: spec.ModelDraft) -> spec.ModelRecord:
        model = super().register_model(replace(draft, tags={}, properties={}))
        change = spec.ModelChange(tags=draft.tags, properties=draft.properties)
        self.update_model(model.name, model.version, change)
        return self.get_model(model.name, model.version)


class SnapshotBeforeItsContent(MemoryTracker):
    __doc__ = INTERRUPTED

    def put_snapshot(self, digest: str, archive: Path) -> None:
        self._snapshots[digest] = b""
        super().put_snapshot(digest, archive)


class SnapshotIsKeptFromTheFirst(MemoryTracker):
    __doc__ = INTERRUPTED

    def put_snapshot(self, digest: str, archive: Path) -> None:
        seen = self.__dict__.setdefault("seen", set())
        if digest not in seen:
            seen.add(digest)
            super().put_snapshot(digest, archive)


class ExperimentTagsOneByOne(MemoryTracker):
    __doc__ = INTERRUPTED

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        for key, value in change.tags.items():
            super().update_experiment(experiment_id, spec.ExperimentChange(tags={key: value}))
        super().update_experiment(experiment_id, change)


class ModelTagsOneByOne(MemoryTracker):
    __doc__ = INTERRUPTED

    def update_model(self, name: str, version: int, change: spec.ModelChange) -> None:
        for key, value in change.tags.items():
            super().update_model(name, version, spec.ModelChange(tags={key: value}))
        super().update_model(name, version, change)


class AtMost100Names(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return super().read_points(run_id, None if names is None else list(names)[:100])


class AtMost1000FilesOfAPrefix(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
        own.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        names = super().list_files(run_id, prefix)
        return names[:1000] if prefix else names


class CountsAPage(MemoryTracker):
    """QuickSearch.count_runs: How many runs Tracker.find_runs returns."""

    def count_runs(self, query: RunQuery) -> int:
        return min(super().count_runs(query), 1000)


class ValuesOfAPage(MemoryTracker):
    """
    QuickSearch.field_values: The values of these fields for each run that find_runs returns, in the
        same order.
    """

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        return super().field_values(query, fields)[:1000]


class ExperimentTagsInARace(MemoryTracker):
    """Tracker: Its methods can be called from several threads."""

    def update_experiment(self, experiment_id: str, change: spec.ExperimentChange) -> None:
        record = self.get_experiment(experiment_id)
        if change != spec.ExperimentChange(tags=change.tags):
            super().update_experiment(experiment_id, change)
            return
        meet_thread(self, experiment_id)
        self._experiments[experiment_id] = replace(record, tags={**record.tags, **change.tags})


class StartIsForGood(MemoryTracker):
    """transition: Later started corrects the start time."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is None and self.get_run(run_id).status in FINAL:
            change = replace(change, started=None)
        super().update_run(run_id, change)


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
