"""More mutants of the reference tracker: faults of a detail of points, files, times and orders."""

from __future__ import annotations

import dataclasses
import fnmatch
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.metric_numbers import value_of
from amlflow.spec import (
    ExperimentRecord,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
)
from amlflow.testing.memory import MemoryTracker

replace = dataclasses.replace
ELSEWHERE = timezone(timedelta(hours=2))


class NoNamesAreAll(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        return super().read_points(run_id, names or None)


class NameByName(MemoryTracker):
    """
    read_points: The points of all writers, or those with these names, ordered by time and position.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        if names is None:
            return super().read_points(run_id)
        return [
            point for name in names for point in super(NameByName, self).read_points(run_id, [name])
        ]


class DoubledInACall(MemoryTracker):
    """write_points: Store points, each identity once."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        kept = self._points[self.get_run(run_id).id]
        old = {(p.writer, p.name, p.position, p.time) for p in kept.values()}
        for point in points:
            if (point.writer, point.name, point.position, point.time) not in old:
                kept[uuid.uuid4()] = point


class HalfABatch(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def check_name(self, name: str) -> None:
        if len(name) > 250:
            raise spec.Refused(f"The name {name[:50]!r} … is too long.")

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        for point in points:
            self.check_name(point.name)
            super().write_points(run_id, [point])


class UncheckedName(MemoryTracker):
    """check_name: Raise Refused if no metric can have this name."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        if any(len(point.name) > 250 for point in points):
            raise spec.Refused("A name is too long.")
        super().write_points(run_id, points)


class Linked(MemoryTracker):
    """
    put_files: With replace, a file of the same name is replaced; otherwise the call raises
        FileInRun and stores no file.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=replace)
        self.places = {**getattr(self, "places", {}), **files}

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        super().get_file(run_id, name, destination)
        destination.write_bytes(self.places[name].read_bytes())


class Patterns(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
        own.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        found = super().list_files(run_id)
        return [name for name in found if fnmatch.fnmatchcase(name, f"{prefix}*")]


class DictionaryOrder(MemoryTracker):
    """
    list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
        own.
    """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        return sorted(super().list_files(run_id, prefix), key=str.lower)


class BrokenPath(MemoryTracker):
    """
    page: A method does everything that its docstring says, or raises one of the contract's errors
        and changes nothing.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        for name, path in files.items():
            if any(kept.startswith(f"{name}/") for kept in self.list_files(run_id)):
                raise spec.Refused(f"{name!r} is a folder.")
            super().put_files(run_id, {name: path}, replace=replace)


class OneSnapshot(MemoryTracker):
    """get_snapshot: Write the archive to a local path."""

    def get_snapshot(self, digest: str, destination: Path) -> None:
        super().get_snapshot(digest, destination)
        destination.write_bytes(list(self._snapshots.values())[-1])


class LocalTimes(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        stamps = [datetime.fromtimestamp(draft.created.timestamp()) for draft in drafts]
        return super().create_runs(
            [
                replace(draft, created=local.replace(tzinfo=timezone.utc))
                for draft, local in zip(drafts, stamps, strict=True)
            ]
        )


class PointsElsewhere(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id, names)
        return [replace(point, time=point.time.astimezone(ELSEWHERE)) for point in found]


class EndsElsewhere(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, ended=run.ended and run.ended.astimezone(ELSEWHERE))


class ArchivedElsewhere(MemoryTracker):
    """page: Times are timezone-aware datetimes in UTC."""

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        record = super().ensure_experiment(name)
        return replace(record, archived=record.archived and record.archived.astimezone(ELSEWHERE))


class StartedAnew(MemoryTracker):
    """RunChange: A change to a run; what is not given stays as it is."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        run = self.get_run(run_id)
        if run.status in spec.FINAL and change.status == spec.Status.RUNNING:
            change = replace(change, started=datetime.now(timezone.utc))
        super().update_run(run_id, change)


class WrongKey(MemoryTracker):
    """PropertyConflict: The property already has another value."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        try:
            super().update_run(run_id, change)
        except spec.PropertyConflict as error:
            last = sorted(change.properties)[-1]
            raise spec.PropertyConflict(last, error.kept, error.refused) from None


class DraftsAreNoted(MemoryTracker):
    """PropertyConflict: The property already has another value."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        run = self.get_run(run_id)
        kept = {k: v for k, v in run.properties.items() if v or k not in change.properties}
        self._runs[run.id] = replace(run, properties=kept)  # an empty value counts as none
        super().update_run(run_id, change)


class Undeclared(MemoryTracker):
    """
    own_paths: The absolute paths of the local files and folders in which the tracker stores its
        data.
    """

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        super().put_files(run_id, files, replace=replace)
        Path("kept").write_text("x")


class RelativePaths(MemoryTracker):
    """
    own_paths: The absolute paths of the local files and folders in which the tracker stores its
        data.
    """

    def own_paths(self) -> Sequence[Path]:
        return [Path("kept")]


class HalfOfAFolder(MemoryTracker):
    """own_paths: A folder includes everything below it."""

    def put_snapshot(self, digest: str, archive: Path) -> None:
        super().put_snapshot(digest, archive)
        for name in ("files", "snapshots"):
            Path("kept", name).mkdir(parents=True, exist_ok=True)
            Path("kept", name, digest).write_text("x")

    def own_paths(self) -> Sequence[Path]:
        return [Path.cwd() / "kept" / "files"]


class FileBesideADatabase(MemoryTracker):
    """
    own_paths: A database includes the files beside it whose names end in -wal, -shm and -journal.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, points)
        for ending in ("", "-wal", "-lock"):
            Path(f"kept.db{ending}").write_text("x")

    def own_paths(self) -> Sequence[Path]:
        return [Path.cwd() / "kept.db"]


class PropertiesAreParams(MemoryTracker):
    """
    RunRecord: params are the parameters that other clients of the tracker have logged to the run,
        under their own names; no property is among them.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        return replace(run, params=run.properties)


class LeavesOutWhatIsAskedFor(MemoryTracker):
    """
    RunQuery: fields is a hint that only these fields of the records will be read, or None:
        attributes, or one entry of a map as tags.KEY, including the fields of the conditions.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(query):
            # As if an entry's name were an attribute's.
            named = query.fields is None or "tags" in query.fields
            yield run if named else replace(run, tags={})


class LeavesOutTheCreation(MemoryTracker):
    """
    RunQuery: All other fields of a record may then be missing, except its id, experiment and
        creation time.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(query):
            yield run if query.fields is None else replace(run, created=run.started or run.created)

    def create_runs(self, drafts: Sequence[spec.RunDraft]) -> list[RunRecord]:
        made = super().create_runs(drafts)
        for run in made:
            self._runs[run.id] = replace(run, started=run.created + timedelta(seconds=1))
        return [self._runs[run.id] for run in made]


class AfterThePlace(MemoryTracker):
    """RunQuery: The run at the place and all runs after it are returned."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = super().find_runs(query)
        return (run for run in runs if query.place is None or run.id != query.place.run_id)


class PlaceOfValuesOnly(MemoryTracker):
    """RunQuery: The run at the place and all runs after it are returned."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = super().find_runs(query)
        if query.order is None or query.place is None or query.order.descending:
            return runs
        order, place = query.order, query.place
        return (
            run for run in runs if value_of(run, order) != place.value or run.id >= place.run_id
        )


class PlaceWithoutTheLacking(MemoryTracker):
    """RunQuery: The run at the place and all runs after it are returned."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        runs = super().find_runs(query)
        if query.order is None or query.place is None or query.place.value is None:
            return runs
        order = query.order
        return (run for run in runs if value_of(run, order) is not None)


class DurationsInMilliseconds(MemoryTracker):
    """
    Place: value is what the order compares: a text, a number (the seconds of duration), a
        datetime, or None for a run without the field.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        order, place = query.order, query.place
        if order == spec.Order("duration") and place is not None and place.value:
            query = replace(query, place=replace(place, value=float(place.value) * 1000))  # type: ignore[arg-type]
        return super().find_runs(query)


class CountsAll(MemoryTracker):
    """QuickSearch.count_runs: How many runs Tracker.find_runs returns."""

    def count_runs(self, query: RunQuery) -> int:
        return super().count_runs(replace(query, conditions=query.conditions[:1]))


class SortsByLetters(MemoryTracker):
    """
    QuickSearch.first_runs: Texts are compared by their code points, and runs with equal values keep
        their order.
    """

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        if field != "name" or last:
            return super().first_runs(query, field, last)
        found = sorted(self.find_runs(query), key=lambda run: str(run.name).casefold())
        return found[: query.limit]


class LastBackwards(MemoryTracker):
    """
    QuickSearch.first_runs: With last, the last runs of that order are returned instead, in that
        order.
    """

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        found = super().first_runs(query, field, last)
        return found[::-1] if last and found else found


class LackingComeFirst(MemoryTracker):
    """QuickSearch.first_runs: If a run lacks the field, the result is None."""

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        found = super().first_runs(query, field, last)
        return list(self.find_runs(query))[: query.limit] if found is None else found


class ValuesOldestFirst(MemoryTracker):
    """
    QuickSearch.field_values: The values of these fields for each run that find_runs returns, in the
        same order.
    """

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        return super().field_values(query, fields)[::-1]


class EmptyForAbsentValues(MemoryTracker):
    """QuickSearch.field_values: If a run lacks a field, its value is None."""

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        rows = super().field_values(query, fields)
        return [tuple("" if value is None else value for value in row) for row in rows]


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
