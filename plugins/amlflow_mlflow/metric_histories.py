"""Reads the points that MLflow has of a run's metrics, as plain tuples.

MLflow's own ``get_metric_history`` makes a message or a mapped object of each point, which takes
longer than everything else in reading many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from amlflow_mlflow.calls import Calls
from amlflow_mlflow.rest_client import Server

Row = tuple[int, int, float]
"""Milliseconds since 1970, step and value; rows are in this order."""


class Histories:
    """The points of one store's runs; ``threads`` is how many calls at once are worth it."""

    def __init__(self, store: Any, call: Calls, threads: int) -> None:
        self._store, self._call, self._threads = store, call, threads

    def of(self, run_id: str, keys: Sequence[str]) -> Iterator[tuple[str, list[Row]]]:
        """The points of each of a run's metrics."""
        if hasattr(self._store, "ManagedSessionMaker"):
            found = self._call.on_run(run_id, lambda: self._selected(run_id, keys))
            yield from found.items()
            return
        if self._threads == 1 or len(keys) < 2:
            yield from zip(keys, (self._one(run_id, key) for key in keys), strict=True)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            yield from zip(keys, pool.map(lambda key: self._one(run_id, key), keys), strict=True)

    def _selected(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        """All from MLflow's database in one statement."""
        from mlflow.store.tracking.dbmodels.models import SqlMetric as Table

        columns = Table.key, Table.timestamp, Table.step, Table.value, Table.is_nan
        found: dict[str, list[Row]] = {key: [] for key in keys}
        with self._store.ManagedSessionMaker() as session:
            rows = session.query(*columns).filter(Table.run_uuid == run_id)
            if len(keys) == 1:
                rows = rows.filter(Table.key == keys[0])
            for key, time, step, value, is_nan in rows.order_by(*columns[1:4]):
                if key in found:
                    found[key].append((time, step, math.nan if is_nan else value))
        return found

    def _one(self, run_id: str, key: str) -> list[Row]:
        if isinstance(self._store, Server):
            return self._call.on_run(run_id, lambda: self._store.metric_rows(run_id, key))
        found = self._call.on_run(run_id, lambda: self._store.get_metric_history(run_id, key))
        return [(each.timestamp, each.step, each.value) for each in found]
