"""Finds runs with MLflow's own search, for stores without SQL, and does what it cannot do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from amlflow.metric_numbers import sort_runs
from amlflow.spec import Order, RunQuery, RunRecord

from amlflow_mlflow.aliases import Lookup
from amlflow_mlflow.entities import Run
from amlflow_mlflow.metric_numbers import (
    MetricNumbers,
    Names,
    add_numbers,
    from_answer,
    from_history,
    metrics_of,
    move_nan_to_end,
)
from amlflow_mlflow.records import to_run
from amlflow_mlflow.run_pages import RunPages
from amlflow_mlflow.search import is_sorted
from amlflow_mlflow.spelling import from_key
from amlflow_mlflow.store import Store


class PagedSearch:
    """A search that reads runs page by page.

    MLflow's search returns the last number of each metric. For other numbers, such as the smallest,
    all points of each run are read.
    """

    def __init__(self, store: Store, pages: RunPages, lookup: Lookup) -> None:
        self._store, self._pages, self._lookup = store, pages, lookup

    def find(self, query: RunQuery) -> Iterator[RunRecord]:
        """Find the runs that match a query, in its order."""
        order = query.order
        if order is not None and not is_sorted(order):
            query = dataclasses.replace(query, order=None, limit=0)
            yield from sort_runs(self._find(query, order), order)
        elif order is not None and order.field == "metrics":
            yield from move_nan_to_end(self._find(query, order), order)
        else:
            yield from self._find(query)

    def _find(self, query: RunQuery, by: Order | None = None) -> Iterator[RunRecord]:
        wanted = metrics_of(query, by)
        for run in self._pages.candidates(query):
            record = self._lookup.check(to_run(run))
            if wanted:
                record = add_numbers(record, self._numbers_of(run, wanted))
            if all(condition.holds(record) for condition in query.conditions):
                yield record

    def _numbers_of(self, run: Run, wanted: Names) -> MetricNumbers:
        """Return the numbers of a run that MLflow's search has found."""
        numbers: dict[str, dict[str, float]] = {}
        if "metrics" in wanted:
            numbers["metrics"] = from_answer(run.data.metrics, wanted["metrics"])
        others = {field: names for field, names in wanted.items() if field != "metrics"}
        keys = [
            key
            for key in run.data.metrics
            if any(names is None or from_key(key) in names for names in others.values())
        ]
        for key, rows in self._store.metric_rows(run.info.run_id, keys).items() if keys else ():
            name = from_key(key)
            history = from_history(rows)
            for field, names in others.items():
                if field in history and (names is None or name in names):
                    numbers.setdefault(field, {})[name] = history[field]
        return numbers
