"""Asks a tracker an expression."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from amlflow.query.document import (
    FIELDS,
    NUMBER,
    SORTED_BY,
    Document,
    Documents,
    Entry,
    record_fields,
)
from amlflow.query.evaluation import ERRORS, reason_of
from amlflow.query.expression import Expression, QueryFailed
from amlflow.query.pushdown import EXPERIMENT_NAME
from amlflow.query.stream import Stream
from amlflow.query.supersets import EVERY, Alternative, Superset, described
from amlflow.spec import Condition, Order, RunQuery, RunRecord, Tracker

logger = logging.getLogger("amlflow")

NUMBERED_AT_ONCE = 1000
_EXPERIMENT_FIELDS = ("experiment_id", EXPERIMENT_NAME)


@dataclass(frozen=True)
class Scope:
    """The runs that an expression is about.

    They are of the experiments (names by id), meet the conditions, and are among the newest so
    many of those; None for all.
    """

    tracker: Tracker
    experiments: Mapping[str, str]
    conditions: Sequence[Condition] = ()
    newest: int | None = None


@dataclass
class Answer:
    """An expression's value, in which whole documents are known as the runs that they are."""

    scope: Scope
    value: Any
    _whole: Mapping[int, tuple[Document, RunRecord]] = field(repr=False)
    _numbered: bool = field(repr=False)

    def plain(self) -> Any:
        """The value as JSON."""
        if not self._numbered:
            found: dict[int, tuple[Document, RunRecord]] = {}
            self._collect(self.value, found)
            records = [record for _, record in found.values()]
            for (document, _), number in zip(
                found.values(), self.scope.tracker.run_numbers(records), strict=True
            ):
                document[NUMBER] = number
            self._numbered = True
        return self.value

    def runs(self, make: Callable[[RunRecord], Any]) -> Any:
        """The value with ``make(record)`` for a run or a list of runs; another value as it is."""
        single = self._record(self.value)
        if single is not None:
            return make(single)
        if isinstance(self.value, list):
            records = [self._record(each) for each in self.value]
            if all(record is not None for record in records):
                return [make(record) for record in records if record is not None]
        return self.plain()

    def _record(self, value: Any) -> RunRecord | None:
        entry = self._whole.get(id(value))
        return entry[1] if entry is not None and entry[0] is value else None

    def _collect(self, value: Any, found: dict[int, tuple[Document, RunRecord]]) -> None:
        if isinstance(value, dict):
            if self._record(value) is not None:
                found[id(value)] = self._whole[id(value)]
            else:
                for each in value.values():
                    self._collect(each, found)
        elif isinstance(value, list):
            for each in value:
                self._collect(each, found)


def ask(expression: Expression, scope: Scope) -> Answer:
    """The expression's value on the documents of the runs in scope, newest first.

    Raises:
        QueryFailed: jmespath cannot evaluate it on these documents.
    """
    for doubt in expression.doubts:
        logger.warning("%s", doubt)
    search = Search(scope, expression.needs_numbers)
    stream = Stream(search)
    try:
        value = stream.evaluate(expression.tree)
    except ERRORS as error:
        raise QueryFailed(expression, reason_of(error)) from error
    finally:
        logger.debug("Query: %d runs came back as candidates.", search.candidates)
    return Answer(scope, value, stream.whole, expression.needs_numbers)


def documents(records: Sequence[RunRecord], scope: Scope) -> list[Document]:
    """The documents of runs that are known already."""
    made = Documents(scope.experiments)
    return [
        {**made.make(record), NUMBER: number}
        for record, number in zip(records, scope.tracker.run_numbers(records), strict=True)
    ]


class Search:
    """Finds the runs of a scope, and makes their documents."""

    def __init__(self, scope: Scope, numbered: bool) -> None:
        self._scope, self._numbered = scope, numbered
        self._documents = Documents(scope.experiments)
        self._numbers: dict[str, int] = {}
        self.candidates = 0

    def document(self, record: RunRecord, fields: Any = FIELDS) -> Document:
        document = self._documents.make(record, fields)
        if NUMBER in document and self._numbered:
            document[NUMBER] = self._numbers[record.id]
        return document

    def find(
        self,
        superset: Superset,
        limit: int,
        order: Order | None = None,
        entries: Collection[Entry] | None = None,
    ) -> Iterator[RunRecord]:
        """The runs of a superset, newest first; or in an order, for which it is one alternative.

        ``entries`` are what is looked at in their documents; None for all.
        """
        if self._scope.newest is not None:
            # Which runs these are is not for the expression to say.
            superset, limit = EVERY, min(limit or self._scope.newest, self._scope.newest)
        logger.debug("Query: pushed down %s.", described(superset))
        found: Iterator[RunRecord] = self._merged(
            [self._searched(alternative, limit, order, entries) for alternative in superset]
        )
        if self._scope.newest is not None:
            found = itertools.islice(found, self._scope.newest)
        if self._numbered:
            found = self._counted(found, limit or NUMBERED_AT_ONCE)
        for record in found:
            self.candidates += 1
            yield record

    def count(self, superset: Superset) -> int | None:
        """How many runs of a superset there are; None where they have to be read."""
        counted = getattr(self._scope.tracker, "count_runs", None)
        if counted is None or self._scope.newest is not None or len(superset) > 1:
            return None
        total = 0
        for alternative in superset:
            query = self._query(alternative, 0, None, ())
            found = 0 if query is None else counted(query)
            if found is None:
                return None
            total += found
        return total

    def first(self, entry: Entry, count: int, last: bool) -> list[RunRecord] | None:
        """The first or last runs in the order of an entry; None where they have to be read."""
        first = getattr(self._scope.tracker, "first_runs", None)
        if first is None or self._scope.newest is not None or self._numbered:
            return None
        name, key = entry
        fields = ["created"] if name == "created_utc" else list(record_fields([(name, key)]))
        query = self._query((), count, None, None)
        if query is None or len(fields) != 1 or name not in SORTED_BY:
            return None
        found: list[RunRecord] | None = first(query, fields[0], last)
        return found

    def _searched(
        self,
        alternative: Alternative,
        limit: int,
        order: Order | None,
        entries: Collection[Entry] | None,
    ) -> Iterator[RunRecord]:
        """The runs of one alternative, in one search."""
        query = self._query(alternative, limit, order, entries)
        return iter(()) if query is None else self._scope.tracker.find_runs(query)

    def _query(
        self,
        alternative: Alternative,
        limit: int,
        order: Order | None,
        entries: Collection[Entry] | None,
    ) -> RunQuery | None:
        """What a tracker is asked for one alternative; None where no experiment is meant."""
        named = [each for each in alternative if each.field in _EXPERIMENT_FIELDS]
        ids = [
            identity
            for identity, name in self._scope.experiments.items()
            if all(
                condition.holds(SimpleNamespace(experiment_id=identity, experiment_name=name))  # type: ignore[arg-type]
                for condition in named
            )
        ]
        if not ids:
            return None
        asked = [each for each in alternative if each not in named]
        conditions = tuple(dict.fromkeys((*self._scope.conditions, *asked)))
        fields = None if entries is None else record_fields(entries, conditions)
        return RunQuery(
            experiment_ids=ids, conditions=conditions, limit=limit, order=order, fields=fields
        )

    def get(self, record: RunRecord) -> RunRecord:
        """The whole record of a run of which a part has been read."""
        return self._scope.tracker.get_run(record.id)

    def _merged(self, searches: list[Iterator[RunRecord]]) -> Iterator[RunRecord]:
        """The runs of several searches in the order of one, each run once."""
        if len(searches) == 1:
            return searches[0]
        merged = heapq.merge(*searches, key=_place)
        return (next(same) for _, same in itertools.groupby(merged, key=lambda run: run.id))

    def _counted(self, found: Iterator[RunRecord], size: int) -> Iterator[RunRecord]:
        while batch := list(itertools.islice(found, size)):
            numbers = self._scope.tracker.run_numbers(batch)
            self._numbers = dict(zip([each.id for each in batch], numbers, strict=True))
            yield from batch


def _place(record: RunRecord) -> tuple[float, str]:
    return -record.created.timestamp(), record.id
