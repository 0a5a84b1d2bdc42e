"""Asks a tracker an expression."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amlflow.query.columns import read_columns
from amlflow.query.document import FIELDS, NUMBER, Document, Documents
from amlflow.query.evaluation import ERRORS, reason_of
from amlflow.query.expression import Expression, QueryFailed
from amlflow.query.search import Scope, Search
from amlflow.query.shapes import metrics_in
from amlflow.query.stream import Stream
from amlflow.spec import RunQuery, RunRecord

logger = logging.getLogger("amlflow")

WholeDocuments = Mapping[int, tuple[Document, RunRecord]]
"""Whole documents with the runs that they are of, by the documents' ``id()``."""


@dataclass
class Answer:
    """An expression's value, in which whole documents are known as the runs that they are."""

    scope: Scope
    value: Any
    _whole: WholeDocuments = field(repr=False)
    _numbered: bool = field(repr=False)

    def as_json(self) -> Any:
        """The value as JSON.

        Where the expression does not look at ``run_number``, it is as :func:`documents` says.
        """
        if not self._numbered and self._whole:
            entries: dict[int, tuple[Document, RunRecord]] = {}
            self._collect(self.value, entries)
            records = [record for _, record in entries.values()]
            numbers = _quick_numbers(records, self.scope)
            for (document, _), number in zip(entries.values(), numbers, strict=True):
                document[NUMBER] = number
            self._numbered = True
        return self.value

    def runs(self, make: Callable[[RunRecord], Any]) -> Any:
        """The value with ``make(record)`` for a run or a list of runs; another value as it is."""
        single = self._record(self.value)
        if single is not None:
            return make(single)
        if isinstance(self.value, list):
            records = [self._record(item) for item in self.value]
            if all(record is not None for record in records):
                return [make(record) for record in records if record is not None]
        return self.as_json()

    def _record(self, value: Any) -> RunRecord | None:
        entry = self._whole.get(id(value))
        return entry[1] if entry is not None and entry[0] is value else None

    def _collect(self, value: Any, entries: dict[int, tuple[Document, RunRecord]]) -> None:
        """Add the whole documents within a value to ``entries``."""
        if isinstance(value, dict):
            if self._record(value) is not None:
                entries[id(value)] = self._whole[id(value)]
            else:
                for inner in value.values():
                    self._collect(inner, entries)
        elif isinstance(value, list):
            for inner in value:
                self._collect(inner, entries)


def ask(expression: Expression, scope: Scope) -> Answer:
    """The expression's value on the documents of the runs in scope, newest first.

    Raises:
        QueryFailed: jmespath cannot evaluate it on these documents.
    """
    for doubt in expression.doubts:
        logger.warning("%s", doubt)
    search = Search(scope, expression.needs_numbers, metrics_in(expression.tree))
    values = read_columns(expression.tree, search)
    if values is not None:
        return Answer(scope, values, {}, True)
    stream = Stream(search)
    try:
        value = stream.evaluate(expression.tree)
    except ERRORS as error:
        raise QueryFailed(expression, reason_of(error)) from error
    finally:
        logger.debug("Query: %d runs came back as candidates.", search.candidates)
    return Answer(scope, value, stream.whole, expression.needs_numbers)


def documents(
    records: Sequence[RunRecord],
    scope: Scope,
    metrics: Collection[str] = (),
    *,
    numbered: bool = False,
) -> list[Document]:
    """The documents of runs that are known already, with these fields of metrics.

    Unless they are to be ``numbered``, ``run_number`` is null if the tracker has to read runs to
    count them, as an MLflow server: for a list, that takes longer than to find it.
    """
    maker, fields = Documents(scope.experiments), (*FIELDS, *sorted(metrics))
    numbers: Sequence[int | None] = (
        scope.tracker.run_numbers(records) if numbered else _quick_numbers(records, scope)
    )
    return [
        {**maker.make(record, fields), NUMBER: number}
        for record, number in zip(records, numbers, strict=True)
    ]


def _quick_numbers(records: Sequence[RunRecord], scope: Scope) -> Sequence[int | None]:
    """The numbers of runs; None for each if the tracker has to read runs to count them."""
    query = RunQuery(experiment_ids=sorted({record.experiment_id for record in records}))
    count_runs = getattr(scope.tracker, "count_runs", None)
    if count_runs is None or count_runs(query) is None:
        return [None] * len(records)
    return scope.tracker.run_numbers(records)
