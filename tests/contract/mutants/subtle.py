"""More mutants of the reference tracker: faults of a detail, as databases and files invite them."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import unicodedata
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from amlflow import spec
from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Kind,
    Op,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
)
from amlflow.testing.memory import MemoryTracker, to_record

from mutants.meeting import meet_thread

replace = dataclasses.replace
ELSEWHERE = timezone(timedelta(hours=2))


class OneCase(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        for record in self._experiments.values():
            if record.name.lower() == name.lower():
                return record
        return super().ensure_experiment(name)


class Composed(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        return super().ensure_experiment(unicodedata.normalize("NFC", name))


class PaddedKeys(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        last = {key.rstrip(" "): key for key in change.tags}
        super().update_run(run_id, replace(change, tags={k: change.tags[k] for k in last.values()}))


class OneCaseOfNames(MemoryTracker):
    """
    page: Keys, names and values can be any text, also an empty one; a tracker raises Refused for a
        text that it cannot store exactly.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        wanted = names and [name.lower() for name in names]
        found = super().read_points(run_id)
        return [point for point in found if wanted is None or point.name.lower() in wanted]


class OneCaseOfIds(MemoryTracker):
    """get_run: The run with this id or alias, in this experiment, or in any if None."""

    def _find(self, run_id: str, experiment_id: str | None) -> RunRecord | None:
        for run in self._runs.values():
            ids = (run.id, (run.alias or "").lower())
            if run_id.lower() in ids and experiment_id in (None, run.experiment_id):
                return run
        return None


class Like(MemoryTracker):
    """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        like = [each for each in query.conditions if each.op in (Op.STARTS_WITH, Op.CONTAINS)]
        exact = [each for each in query.conditions if each not in like]
        for run in super().find_runs(replace(query, conditions=exact)):
            tags = {key: value and value.lower() for key, value in run.tags.items()}
            lower = replace(run, tags=tags)
            if all(replace(each, value=str(each.value).lower()).holds(lower) for each in like):
                yield run


class JsonWithoutNan(MemoryTracker):
    """Kind: The kind of a metric, in v1's words; it decides the type of Point.value."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        for point in points:
            if point.kind is Kind.LIST:
                found = [None if isinstance(x, float) and math.isnan(x) else x for x in point.value]
                point = replace(point, value=found)
            super().write_points(run_id, [point])


class NumericTexts(MemoryTracker):
    """
    read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id, names)
        return [replace(p, value=float(p.value)) if p.value in ("1", "1.0") else p for p in found]


class OneCursor(MemoryTracker):
    """Tracker: Its methods can be called from several threads."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        self.cursor = iter(list(super().find_runs(query)))
        while (run := next(self.cursor, None)) is not None:
            yield run


class LockedWhileRead(MemoryTracker):
    """page: Other processes and machines change the same runs at the same time."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        with self._lock:
            yield from super().find_runs(query)


class KeepsWhatItGets(MemoryTracker):
    """
    page: Methods must not keep references to their arguments; returned objects must not change
        later.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        for run, draft in zip(super().create_runs(drafts), drafts, strict=True):
            self._runs[run.id] = replace(run, tags=draft.tags)
        return list(self._runs.values())[-len(drafts) :]


class LiveRecords(MemoryTracker):
    """
    page: Methods must not keep references to their arguments; returned objects must not change
        later.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        before = self.get_run(run_id)
        super().update_run(run_id, change)
        after = self._runs[before.id]
        before.tags.update(after.tags)  # type: ignore[attr-defined]
        self._runs[before.id] = replace(after, tags=before.tags)


class DeletedIsThere(MemoryTracker):
    """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""

    def delete_experiment(self, experiment_id: str) -> None:
        record = self.get_experiment(experiment_id)
        super().delete_experiment(experiment_id)
        self._experiments[experiment_id] = replace(record, name=f"deleted {record.name}")


class ArchivedNeverFound(MemoryTracker):
    """RunQuery: Which runs to find: those of the experiments that meet all conditions."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in super().find_runs(query):
            if not self._experiments[run.experiment_id].archived:
                yield run


class ByExperiment(MemoryTracker):
    """
    find_runs: They come by creation time, newest first; runs of the same time are ordered by id.
    """

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        if query.experiment_ids is None:
            yield from super().find_runs(query)
        for experiment_id in dict.fromkeys(query.experiment_ids or ()):
            yield from super().find_runs(replace(query, experiment_ids=[experiment_id]))


class AskedTwice(MemoryTracker):
    """RunQuery: Which runs to find: those of the experiments that meet all conditions."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        asked = list(query.experiment_ids or ())
        for run in super().find_runs(query):
            yield from [run] * (asked.count(run.experiment_id) or 1)


class LimitBeforeConditions(MemoryTracker):
    """RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for place, run in enumerate(super().find_runs(replace(query, conditions=()))):
            if query.conditions and 0 < query.limit <= place:
                return
            if all(each.holds(run) for each in query.conditions):
                yield run


class ExactPage(MemoryTracker):
    """RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        found = list(super().find_runs(query))
        yield from found[:-1] if len(found) == query.limit else found


class AliasOfAnyExperiment(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        for run in self._runs.values():
            if run.alias == run_id:
                return run
        return super().get_run(run_id, experiment_id)


class IdAsAlias(MemoryTracker):
    """
    create_runs: If the experiment already has a requested id, even if another process creates it at
        the same time, the call is Refused and no run is created.
    """

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        ids = [draft.run_id for draft in drafts if draft.run_id in self._runs]
        if ids:
            return [self._add(to_record(draft)) for draft in drafts]
        return super().create_runs(drafts)


class AnyExperiment(MemoryTracker):
    """create_runs: Raises ExperimentNotFound."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        return [self._add(to_record(draft)) for draft in drafts]


class SetWins(MemoryTracker):
    """RunChange: A tag that is both set and removed is removed."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        removed = [key for key in change.tags_removed if key not in change.tags]
        super().update_run(run_id, replace(change, tags_removed=removed))


class ExperimentSetWins(MemoryTracker):
    """ExperimentChange: A tag that is both set and removed is removed."""

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        removed = [key for key in change.tags_removed if key not in change.tags]
        super().update_experiment(experiment_id, replace(change, tags_removed=removed))


class TwoOfOneName(MemoryTracker):
    """
    update_experiment: Raises ExperimentNotFound, and Refused if another experiment has the name.
    """

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        super().update_experiment(experiment_id, replace(change, name=None))
        if change.name is not None:
            record = self.get_experiment(experiment_id)
            self._experiments[experiment_id] = replace(record, name=change.name)


class LostCreate(MemoryTracker):
    """Tracker: Its methods can be called from several threads."""

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        before = dict(self._runs)
        meet_thread(self, "runs")  # the other one's run is lost
        with self._lock:
            self._runs = before
            return super().create_runs(drafts)


class NumbersInOrder(MemoryTracker):
    """
    run_numbers: The number of each run in its experiment by creation, from 1, children included.
    """

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        return sorted(super().run_numbers(runs))


class OneNumberForAMoment(MemoryTracker):
    """
    run_numbers: The number of each run in its experiment by creation, from 1, children included.
    """

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        others = list(self._runs.values())
        return [
            1 + sum(o.created < r.created and o.experiment_id == r.experiment_id for o in others)
            for r in runs
        ]


class ZeroIsNone(MemoryTracker):
    """
    Point: A tracker need not return a point's writer; if it cannot tell whether a step was given,
        it may return the position as step.
    """

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        super().write_points(run_id, [replace(point, step=point.step or None) for point in points])


class ShortSteps(MemoryTracker):
    """
    Point: A tracker need not return a point's writer; if it cannot tell whether a step was given,
        it may return the position as step.
    """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        found = super().read_points(run_id, names)
        return [replace(p, step=p.step and min(p.step, 2**31 - 1)) for p in found]


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
