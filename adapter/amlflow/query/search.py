"""Finds the runs for an expression, and makes their documents."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from amlflow.query.document import (
    ALL_FIELDS,
    FIELDS,
    NUMBER,
    SORTED_BY,
    Document,
    Documents,
    Entry,
    record_fields,
    whole_record,
)
from amlflow.query.pushdown import EXPERIMENT_NAME
from amlflow.query.supersets import EVERY, Alternative, Superset, describe
from amlflow.spec import Condition, Op, Order, Place, RunNotFound, RunQuery, RunRecord, Tracker

logger = logging.getLogger("amlflow")

NUMBERED_AT_ONCE = 1000
_EXPERIMENT_FIELDS = ("experiment_id", EXPERIMENT_NAME)


@dataclass(frozen=True)
class Scope:
    """The runs on which an expression is evaluated.

    They belong to ``experiments`` (names by id) and meet the conditions. A limit takes only the
    newest of them; None takes all. ``metrics`` are further fields with which whole runs are read,
    such as ``metrics`` or ``metrics_min.loss``.
    """

    tracker: Tracker
    experiments: Mapping[str, str]
    conditions: Sequence[Condition] = ()
    limit_newest: int | None = None
    metrics: frozenset[str] = frozenset()


class Search:
    """Finds the runs of a scope, and makes their documents.

    ``metrics`` are the fields of metrics in whole documents.
    """

    def __init__(self, scope: Scope, numbered: bool, metrics: frozenset[str] = frozenset()) -> None:
        self._scope, self._numbered = scope, numbered
        self._whole_record = whole_record(metrics | scope.metrics)
        self._whole = tuple(name for name in ALL_FIELDS if name in FIELDS or name in metrics)
        self._documents = Documents(scope.experiments)
        self._numbers: dict[str, int] = {}
        self.candidates = 0
        """How many runs have been read so far."""

    @property
    def experiments(self) -> Mapping[str, str]:
        """The names of the scope's experiments by their ids."""
        return self._scope.experiments

    def document(self, record: RunRecord, fields: Any = FIELDS) -> Document:
        document = self._documents.make(record, self._whole if fields is FIELDS else fields)
        if NUMBER in document and self._numbered:
            document[NUMBER] = self._numbers[record.id]
        return document

    def find(
        self,
        superset: Superset,
        limit: int,
        order: Order | None = None,
        entries: Collection[Entry] | None = None,
        place: Place | None = None,
    ) -> Iterator[RunRecord]:
        """Find the runs of a superset, newest first.

        With ``order``, they come in that order; the superset must have one alternative then. Those
        before ``place`` may be missing.
        ``entries`` are the entries of documents that the caller uses; None means all.
        """
        if self._scope.limit_newest is not None:
            # The limit applies before the expression, so all of these runs must be read.
            newest = self._scope.limit_newest
            superset, limit, place = EVERY, min(limit or newest, newest), None
        logger.debug("Query: pushed down %s.", describe(superset))
        records: Iterator[RunRecord] = self._merge(
            [
                self._find_alternative(alternative, limit, order, entries, place)
                for alternative in superset
            ]
        )
        if self._scope.limit_newest is not None:
            records = itertools.islice(records, self._scope.limit_newest)
        if self._numbered:
            records = self._add_numbers(records, limit or NUMBERED_AT_ONCE)
        for record in records:
            self.candidates += 1
            yield record

    def count(self, superset: Superset) -> int | None:
        """Count the runs of a superset; None if they must be read for that."""
        count_runs = getattr(self._scope.tracker, "count_runs", None)
        if count_runs is None or self._scope.limit_newest is not None or len(superset) > 1:
            return None
        total = 0
        for alternative in superset:
            query = self._query(alternative, 0, None, ())
            count = 0 if query is None else count_runs(query)
            if count is None:
                return None
            total += count
        return total

    def values(self, superset: Superset, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """Read fields of records for each run of a superset, newest first.

        Returns None if whole runs must be read for that.
        """
        field_values = getattr(self._scope.tracker, "field_values", None)
        if field_values is None or self._scope.limit_newest is not None or len(superset) > 1:
            return None
        rows: list[tuple[Any, ...]] | None = []
        for alternative in superset:
            query = self._query(alternative, 0, None, ())
            rows = [] if query is None else field_values(query, fields)
        return rows

    def first(
        self,
        superset: Superset,
        entry: Entry,
        count: int,
        last: bool,
        entries: Collection[Entry] | None,
    ) -> list[RunRecord] | None:
        """Return the first or last runs of a superset by an entry; None if all must be read.

        ``entries`` are the entries of documents that the caller uses; None means all.
        """
        first_runs = getattr(self._scope.tracker, "first_runs", None)
        if first_runs is None or self._scope.limit_newest is not None or self._numbered:
            return None
        fields = ["created"] if entry.field == "created_utc" else list(record_fields([entry]))
        if len(superset) != 1:
            return None
        query = self._query(superset[0], count, None, entries)
        if query is None or len(fields) != 1 or entry.field not in SORTED_BY:
            return None
        records: list[RunRecord] | None = first_runs(query, fields[0], last)
        return records

    def _find_alternative(
        self,
        alternative: Alternative,
        limit: int,
        order: Order | None,
        entries: Collection[Entry] | None,
        place: Place | None,
    ) -> Iterator[RunRecord]:
        """Find the runs of one alternative by one search."""
        query = self._query(alternative, limit, order, entries, place)
        return iter(()) if query is None else self._scope.tracker.find_runs(query)

    def _query(
        self,
        alternative: Alternative,
        limit: int,
        order: Order | None,
        entries: Collection[Entry] | None,
        place: Place | None = None,
    ) -> RunQuery | None:
        """Make the query for one alternative; None if it excludes all experiments."""
        on_experiment = [term for term in alternative if term.field in _EXPERIMENT_FIELDS]
        ids = [
            identity
            for identity, name in self._scope.experiments.items()
            if all(
                condition.holds(SimpleNamespace(experiment_id=identity, experiment_name=name))  # type: ignore[arg-type]
                for condition in on_experiment
            )
        ]
        if not ids:
            return None
        others = [term for term in alternative if term not in on_experiment]
        conditions = tuple(dict.fromkeys((*self._scope.conditions, *others)))
        fields = self._whole_record if entries is None else record_fields(entries, conditions)
        return RunQuery(
            experiment_ids=ids, conditions=conditions, limit=limit, order=order, fields=fields,
            place=place,
        )  # fmt: skip

    def get(self, record: RunRecord) -> RunRecord:
        """Read the whole record of a run of which only a part was read.

        Raises :class:`amlflow.spec.RunNotFound` if the run was deleted in the meantime.
        """
        if self._whole_record is None:
            return self._scope.tracker.get_run(record.id)
        query = RunQuery(
            experiment_ids=[record.experiment_id],
            conditions=[Condition("id", Op.EQ, record.id)],
            fields=self._whole_record,
        )
        for whole in self._scope.tracker.find_runs(query):
            return whole
        raise RunNotFound(record.id)

    def _merge(self, searches: list[Iterator[RunRecord]]) -> Iterator[RunRecord]:
        """Merge the runs of several searches, newest first and each run only once."""
        if len(searches) == 1:
            return searches[0]
        merged = heapq.merge(*searches, key=_sort_key)
        return (next(same) for _, same in itertools.groupby(merged, key=lambda run: run.id))

    def _add_numbers(self, records: Iterator[RunRecord], size: int) -> Iterator[RunRecord]:
        while batch := list(itertools.islice(records, size)):
            numbers = self._scope.tracker.run_numbers(batch)
            self._numbers = dict(zip([record.id for record in batch], numbers, strict=True))
            yield from batch


def _sort_key(record: RunRecord) -> tuple[float, str]:
    return -record.created.timestamp(), record.id
