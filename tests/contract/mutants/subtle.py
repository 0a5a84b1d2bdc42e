"""More mutants of the reference tracker: faults of a detail, as databases and files invite them."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import timedelta, timezone

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


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
