"""Evaluates an expression on a tracker's runs."""

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
"""Whole documents and their runs, by the documents' ``id()``."""


@dataclass
class Answer:
    """An expression's value. It also knows the run of each whole document in the value."""

    scope: Scope
    value: Any
    _whole: WholeDocuments = field(repr=False)
    _numbered: bool = field(repr=False)

    def as_json(self) -> Any:
        """Return the value as JSON.

        ``run_number`` may be null, unless the expression uses it: see :func:`documents`.
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
        """Return ``make(record)`` for a run or for each of a list of runs; other values as is."""
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
        """Add the whole documents inside of a value to ``entries``."""
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
    """Evaluate an expression on the documents of the runs in scope, newest first.

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
    """Make documents of records that were read already, with these fields of metrics.

    Some trackers, such as an MLflow server, must read runs to count them, which may take longer
    than reading the list. On these, ``run_number`` is null unless ``numbered`` is True.
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
    """Return the numbers of runs; None for all if the tracker must read runs to count them."""
    query = RunQuery(experiment_ids=sorted({record.experiment_id for record in records}))
    count_runs = getattr(scope.tracker, "count_runs", None)
    if count_runs is None or count_runs(query) is None:
        return [None] * len(records)
    return scope.tracker.run_numbers(records)
