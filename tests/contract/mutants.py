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
from typing import Any

from amlflow import spec
from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker

replace = dataclasses.replace


class LostUpdate(MemoryTracker):
    """RunChange: What to change in a run; what is left out stays."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        time.sleep(0.01)  # another thread's change comes in between, and is overwritten
        with self._lock:
            self._runs[before.id] = before
            super().update_run(run_id, change)


class TagsReplaced(MemoryTracker):
    """RunChange: What to change in a run; what is left out stays."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.tags:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, tags=dict(change.tags))


class SecondWinner(MemoryTracker):
    """
    RunChange: Properties are added, never changed: a key that exists with another value, in any
        race, makes the whole change a PropertyConflict.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        kept = self.get_run(run_id).properties
        for key, value in change.properties.items():
            if kept.get(key, value) != value:
                raise spec.PropertyConflict(key, kept[key], value)
        time.sleep(0.01)  # another thread has looked, too
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
    """RunChange: The same value again is accepted."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        with self._lock:
            for key, value in change.properties.items():
                if key in self.get_run(run_id).properties:
                    raise spec.PropertyConflict(key, value, value)
            super().update_run(run_id, change)


class StatusFirst(MemoryTracker):
    """RunChange: status comes last, so whoever sees it sees the rest."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status is not None:
            super().update_run(run_id, RunChange(status=change.status, ended=change.ended))
            time.sleep(0.1)
        super().update_run(run_id, change)


class NoEnd(MemoryTracker):
    """RunChange: A final status also sets the end, unless ended does."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.ended is None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, ended=None)


class EndUndone(MemoryTracker):
    """
    FINAL: Only Running, which starts it again, or another of them replaces one; any other that
        comes late is passed over.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.status is not None:
            run = self.get_run(run_id)
            self._runs[run.id] = replace(run, status=change.status)


class BegunTooEarly(MemoryTracker):
    """UNSTARTED: The statuses of a run that has not begun, and so has no start time."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, started=run.started or run.created)


class FewStatuses(MemoryTracker):
    """Status: v1's run statuses."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        if change.status == Status.CANCEL_REQUESTED:
            change = replace(change, status=Status.RUNNING)
        super().update_run(run_id, change)


class CutOff(MemoryTracker):
    """page: It never cuts anything off."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value and value[:8000] for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class CutPoints(MemoryTracker):
    """page: It never cuts anything off."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(
            run_id,
            [replace(p, value=p.value[:5000]) if isinstance(p.value, str) else p for p in points],
        )


class Stripped(MemoryTracker):
    """
    page: Keys, names and values are any text, empty and awkward ones included; what a tracker
        cannot keep exactly it refuses with Refused.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key.strip(): value and value.strip() for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class NoneIsEmpty(MemoryTracker):
    """
    page: Keys, names and values are any text, empty and awkward ones included; what a tracker
        cannot keep exactly it refuses with Refused.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        tags = {key: value or None for key, value in change.tags.items()}
        super().update_run(run_id, replace(change, tags=tags))


class HalfRefused(MemoryTracker):
    """
    page: A method either does all that it says or raises one of this page's errors and does
        nothing.
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
    create_runs: An asked-for id that the experiment has already, in any race, is Refused, and no
        run is made.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for draft in drafts:
            if draft.run_id and self._found(draft.run_id, draft.experiment_id):
                raise spec.Refused(f"The experiment has a run {draft.run_id!r} already.")
        time.sleep(0.01)  # another thread has looked, too
        with self._lock:
            return [self._create(draft) for draft in drafts]


class SomeAreMade(MemoryTracker):
    """
    create_runs: An asked-for id that the experiment has already, in any race, is Refused, and no
        run is made.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return [super(SomeAreMade, self).create_runs([draft])[0] for draft in drafts]


class Backwards(MemoryTracker):
    """create_runs: Make runs, in this order, as fast as the tracker can make many."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return super().create_runs(drafts)[::-1]


class OtherExperiments(MemoryTracker):
    """get_run: The run of this id or alias, in this experiment or any."""

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
    RunRecord: root_id is the run's own id where it has no parent, and None where another client
        nested it and noted no root.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, root_id=None) if run.root_id == run.id else run


class RootsOnlyCounted(MemoryTracker):
    """
    run_numbers: The place of each run in its experiment by creation, from 1, children included.
    """

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        roots = [run for run in self._runs.values() if run.parent_id is None]
        return [
            1 + sum(r.created < run.created and r.experiment_id == run.experiment_id for r in roots)
            for run in runs
        ]


class LastPageDropped(MemoryTracker):
    """find_runs: They come by creation, newest first (of the same time, by id)."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        found = list(super().find_runs(query))
        whole = len(found) // 1000 * 1000
        yield from found[: whole or None]


class OldestFirst(MemoryTracker):
    """find_runs: They come by creation, newest first (of the same time, by id)."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return reversed(list(super().find_runs(query)))


class OffsetPages(MemoryTracker):
    """
    find_runs: A run that is made meanwhile shifts nothing: no other comes twice or is left out.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for start in itertools.count(0, 3):
            page = list(super().find_runs(query))[start : start + 3]
            yield from page
            if len(page) < 3 or start > 60:
                return


class HintIsLimit(MemoryTracker):
    """
    RunQuery: limit is a hint that no more runs than these will be read; 0 means no hint.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return itertools.islice(super().find_runs(query), query.limit or None)


class OrderIgnored(MemoryTracker):
    """RunQuery: An order is the one in which they come, in place of newest first."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return super().find_runs(replace(query, order=None))


class LackingFirst(MemoryTracker):
    """
    Order: Runs that lack the field come last, also where it is descending; of runs alike, the
        newest is first.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        found = list(super().find_runs(query))
        if query.order is not None and query.order.descending and query.order.field == "tags":
            found.sort(key=lambda run: query.order.key in run.tags)  # type: ignore[union-attr]
        return iter(found)


class TooMany(MemoryTracker):
    """find_runs: The runs that meet a query, and no others, read as they are asked for."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        kept = [each for each in query.conditions if each.op is not spec.Op.CONTAINS]
        return super().find_runs(replace(query, conditions=kept))


class AbsentIsNotEqual(MemoryTracker):
    """Op: All but NE and LACKS are false where the field is absent."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(query):
            unequal = [c for c in query.conditions if c.op is spec.Op.NE and c.key is not None]
            if all(c.key in getattr(run, c.field) for c in unequal):
                yield run


class ArchivedAreFound(MemoryTracker):
    """RunQuery: None means all experiments that are not archived."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        if query.experiment_ids is None:
            query = replace(query, experiment_ids=list(self._experiments))
        return super().find_runs(query)


class Doubled(MemoryTracker):
    """
    Point: position (the step, or else the order) together with writer, name and time is the
        point's identity: a tracker stores it once, however often it is sent.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        with self._lock:
            kept = self._points[self.get_run(run_id).id]
            kept.update({uuid.uuid4(): point for point in points})


class WritersMixed(MemoryTracker):
    """
    Point: writer is the process that logged it; order counts that writer's points of this name in
        this run, from 0.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, [replace(point, writer="one") for point in points])


class ByPositionAlone(MemoryTracker):
    """read_points: The points of all writers, or those of some names, by time and position."""

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return sorted(super().read_points(run_id, names), key=lambda point: point.position)


class AllAreFloats(MemoryTracker):
    """
    read_points: Values come back with their types: bool, int, float (nan and infinities too), str,
        None.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id, names)
        return [replace(p, value=float(p.value)) if type(p.value) is bool else p for p in found]


class RowsAreTables(MemoryTracker):
    """Kind: What sort of metric a point is, in v1's words; it decides the shape of Point.value."""

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        row, table = spec.Kind.ROW, spec.Kind.TABLE
        found = super().read_points(run_id, names)
        return [replace(p, kind=table) if p.kind is row else p for p in found]


class StepsLost(MemoryTracker):
    """
    Point: A tracker need not give back who wrote a point, and where it cannot tell whether a step
        was given, step may come back as the position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return [replace(point, step=None) for point in super().read_points(run_id, names)]


class NamesMixed(MemoryTracker):
    """read_points: The points of all writers, or those of some names, by time and position."""

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id)
        return [p for p in found if names is None or p.name.startswith(tuple(names))]


class Overwritten(MemoryTracker):
    """
    put_files: With replace a file of the same name gives way; else it is FileInRun, and none is
        stored.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=True)


class SomeFilesStored(MemoryTracker):
    """
    put_files: With replace a file of the same name gives way; else it is FileInRun, and none is
        stored.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name in sorted(files, reverse=True):
            super().put_files(run_id, {name: files[name]}, replace=replace)


class SmallFiles(MemoryTracker):
    """put_files: Store local files, of any size, under names with /."""

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        super().get_file(run_id, name, destination)
        destination.write_bytes(destination.read_bytes()[: 16 << 20])


class EmptyForMissing(MemoryTracker):
    """get_file: Raises FileNotInRun, and writes nothing."""

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        destination.touch()
        super().get_file(run_id, name, destination)


class WholeFolders(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, in order; amlflow's own left
        out.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        return super().list_files(run_id, folder)


class NoSuchSnapshot(MemoryTracker):
    """get_snapshot: Raises Refused where there is none."""

    def get_snapshot(self, digest: str, destination: Path) -> None:
        if self.has_snapshot(digest):
            super().get_snapshot(digest, destination)


class OneExperimentEach(MemoryTracker):
    """
    ensure_experiment: The experiment of this name, made where there is none; archived ones as they
        are.
    """

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        found = super().ensure_experiment(name)
        if found.archived is not None:
            self.update_experiment(found.id, ExperimentChange(archived=False))
        return super().ensure_experiment(name)


class OldExperimentsFirst(MemoryTracker):
    """list_experiments: All experiments, archived ones too, newest first."""

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return reversed(list(super().list_experiments()))


class RunsDeleted(MemoryTracker):
    """delete_experiment: Remove an experiment and free its name; Refused where it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        self.get_experiment(experiment_id)
        del self._experiments[experiment_id]


class OneVersion(MemoryTracker):
    """register_model: Make the run's file or folder the next version of a model."""

    def register_model(self, run_id: str, path: str, name: str, **given: Any) -> ModelRecord:
        return replace(super().register_model(run_id, path, name, **given), version=1)


class AnyEnd(MemoryTracker):
    """RunChange: A final status also sets the end, unless ended does."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, replace(change, ended=None))


class FirstPageOnly(MemoryTracker):
    """write_points: All are of one writer, in the order of the calls."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, points[:1000])


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
