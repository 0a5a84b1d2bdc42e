"""Mutants of the reference tracker that search runs in another way."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from amlflow import spec
from amlflow.spec import (
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker

replace = dataclasses.replace


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


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
