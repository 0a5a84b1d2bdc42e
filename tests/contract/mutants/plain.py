"""The reference tracker with one sentence of the contract broken in each subclass.

Each mutant's docstring quotes the sentence, and a test of the suite that names it must fail.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
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
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker, to_record

from mutants.meeting import meet_thread

replace = dataclasses.replace


class LostUpdate(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        meet_thread(self, run_id)  # the other one's change is overwritten
        with self._lock:
            self._runs[before.id] = before
            super().update_run(run_id, change)


class TagsReplaced(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.tags:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, tags=dict(change.tags))


class SecondWinner(MemoryTracker):
    """
    RunChange: Properties can be added but not changed: if a key already has another value, even if
        another process adds it at the same time, the whole change is a PropertyConflict.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        kept = self.get_run(run_id).properties
        for key, value in change.properties.items():
            if kept.get(key, value) != value:
                raise spec.PropertyConflict(key, kept[key], value)
        meet_thread(self, run_id)
        with self._lock:
            run = self.get_run(run_id)
            others = {k: v for k, v in run.properties.items() if k not in change.properties}
            self._runs[run.id] = replace(run, properties=others)
            super().update_run(run_id, change)


class HalfAConflict(MemoryTracker):
    """PropertyConflict: Nothing of the refused change was applied."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, properties={}, status=None))
        super().update_run(run_id, change)


class SameValueRefused(MemoryTracker):
    """RunChange: Adding the same value again is accepted."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        with self._lock:
            for key, value in change.properties.items():
                if key in self.get_run(run_id).properties:
                    raise spec.PropertyConflict(key, value, value)
            super().update_run(run_id, change)


class StatusFirst(MemoryTracker):
    """RunChange: status is applied last, so that a reader who sees it also sees the rest."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is not None:
            super().update_run(run_id, RunChange(status=change.status, ended=change.ended))
            time.sleep(0.1)
        super().update_run(run_id, change)


class NoEnd(MemoryTracker):
    """transition: A final status sets the end time to ended, or to now."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.ended is None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, ended=None)


class EndUndone(MemoryTracker):
    """
    transition: Any other status that comes later is ignored, and the rest of the change is applied.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.status is not None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, status=change.status)


class BegunTooEarly(MemoryTracker):
    """UNSTARTED: The statuses of a run that has not begun; see transition."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, started=run.started or run.created)


class FewStatuses(MemoryTracker):
    """Status: The statuses of v1's runs."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status == Status.CANCEL_REQUESTED:
            change = replace(change, status=Status.RUNNING)
        super().update_run(run_id, change)


class CutOff(MemoryTracker):
    """page: It never shortens a text."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value and value[:8000] for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class CutPoints(MemoryTracker):
    """page: It never shortens a text."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(
            run_id,
            [replace(p, value=p.value[:5000]) if isinstance(p.value, str) else p for p in points],
        )


class Stripped(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key.strip(): value and value.strip() for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class NoneIsEmpty(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value or None for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class HalfRefused(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        for key, value in change.tags.items():
            if len(value or "") > 8000:
                raise spec.Refused("too long")
            super().update_run(run_id, RunChange(tags={key: value}))
        super().update_run(run_id, change)


class NaiveTimes(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        made = super().create_runs(drafts)
        for run in made:
            moved = run.created.astimezone(timezone(timedelta(hours=2)))
            self._runs[run.id] = replace(run, created=moved, started=run.started and moved)
        return [self._runs[run.id] for run in made]


class TwoUnderOneId(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            if draft.run_id and self._find(draft.run_id, draft.experiment_id):
                raise spec.Refused(f"The experiment has a run {draft.run_id!r} already.")
        meet_thread(self, str(drafts[0].run_id))
        with self._lock:
            return [self._add(to_record(draft)) for draft in drafts]


class SomeAreMade(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return [super(SomeAreMade, self).create_runs([draft])[0] for draft in drafts]


class Backwards(MemoryTracker):
    """create_runs: Create runs, in this order, as fast as the tracker can create many."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return super().create_runs(drafts)[::-1]


class OtherExperiments(MemoryTracker):
    """get_run: The run with this id or alias, in this experiment, or in any if None."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return super().get_run(run_id)


class MadeUpRun(MemoryTracker):
    """get_run: Raises RunNotFound."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        try:
            return super().get_run(run_id, experiment_id)
        except spec.RunNotFound:
            status, created = Status.RUNNING, datetime.now(timezone.utc)
            return RunRecord(id=run_id, experiment_id="", status=status, created=created)


class RootlessRoots(MemoryTracker):
    """
    RunRecord: root_id is the run's own id if it has no parent, and None if another client nested
        the run without naming a root.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, root_id=None) if run.root_id == run.id else run


class RootsOnlyCounted(MemoryTracker):
    """
    run_numbers: The number of each run in its experiment by creation, from 1, children included.
    """

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        roots = [run for run in self._runs.values() if run.parent_id is None]
        return [
            1 + sum(r.created < run.created and r.experiment_id == run.experiment_id for r in roots)
            for run in runs
        ]


class LastPageDropped(MemoryTracker):
    """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        found = list(super().find_runs(query))
        whole = len(found) // 1000 * 1000
        yield from found[: whole or None]


class OldestFirst(MemoryTracker):
    """
    find_runs: They come by creation time, newest first; runs of the same time are ordered by id.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return reversed(list(super().find_runs(query)))


class OffsetPages(MemoryTracker):
    """
    find_runs: A run that is created meanwhile does not shift the others: none comes twice, and none
        is left out.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for start in itertools.count(0, 3):
            page = list(super().find_runs(query))[start : start + 3]
            yield from page
            if len(page) < 3 or start > 60:
                return


class HintIsLimit(MemoryTracker):
    """RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return itertools.islice(super().find_runs(query), query.limit or None)


class OrderIgnored(MemoryTracker):
    """RunQuery: With order, runs come in that order instead of newest first."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return super().find_runs(replace(query, order=None))


class LackingFirst(MemoryTracker):
    """
    Order: Runs without the field come last, also with descending; runs with equal values come
        newest first.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        found = list(super().find_runs(query))
        if query.order is not None and query.order.descending and query.order.field == "tags":
            found.sort(key=lambda run: query.order.key in run.tags)  # type: ignore[union-attr]
        return iter(found)


class TooMany(MemoryTracker):
    """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        kept = [each for each in query.conditions if each.op is not spec.Op.CONTAINS]
        return super().find_runs(replace(query, conditions=kept))


class AbsentIsNotEqual(MemoryTracker):
    """Op: All operators but NE and LACKS are false if the field is absent."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(query):
            unequal = [c for c in query.conditions if c.op is spec.Op.NE and c.key is not None]
            if all(c.key in getattr(run, c.field) for c in unequal):
                yield run


class ArchivedAreFound(MemoryTracker):
    """RunQuery: If experiment_ids is None, all experiments that are not archived are searched."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        if query.experiment_ids is None:
            query = replace(query, experiment_ids=list(self._experiments))
        return super().find_runs(query)


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


class AnyEnd(MemoryTracker):
    """transition: A final status sets the end time to ended, or to now."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, ended=None))


class FirstPageOnly(MemoryTracker):
    """write_points: All points have one writer and are in the order of the calls."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, points[:1000])


class DeletedIsGone(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        if run.id in self._deleted:
            raise spec.RunNotFound(run_id)
        return run


class DeletedUnmarked(MemoryTracker):
    """
    RunRecord: deleted tells that the run was deleted by itself (delete_run); searches do not find
        it.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return replace(super().get_run(run_id, experiment_id), deleted=False)


class DeletedWithChildren(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def delete_run(self, run_id: str) -> None:
        super().delete_run(run_id)
        self._deleted |= {run.id for run in self._runs.values() if run.parent_id == run_id}


class StillSearched(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def count_runs(self, query: RunQuery) -> int:
        return super().count_runs(query) + len(self._deleted)


class DeletedTwice(MemoryTracker):
    """delete_run: To delete a deleted run changes nothing."""

    def delete_run(self, run_id: str) -> None:
        self._deleted ^= {self.get_run(run_id).id}


class RestoredEmpty(MemoryTracker):
    """restore_run: Undo delete_run: searches find the run again, with all that it had."""

    def restore_run(self, run_id: str) -> None:
        super().restore_run(run_id)
        self._points[run_id] = {}


class RestoredTwice(MemoryTracker):
    """restore_run: To restore a run that is not deleted changes nothing."""

    def restore_run(self, run_id: str) -> None:
        if self.get_run(run_id).id not in self._deleted:
            raise spec.RunNotFound(run_id)
        super().restore_run(run_id)


class OneLinkForAllRuns(MemoryTracker):
    """run_link: The address of the run's web page."""

    def run_link(self, run: RunRecord) -> str:
        return f"{self.uri}/runs"


class OneLinkForAllExperiments(MemoryTracker):
    """experiment_link: The address of the experiment's web page."""

    def experiment_link(self, experiment_id: str) -> str:
        return f"{self.uri}/experiments"


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
