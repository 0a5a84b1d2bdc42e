"""Reads the points that MLflow has of a run's metrics, as plain tuples.

MLflow's own ``get_metric_history`` makes a message or a mapped object of each point, which takes
longer than everything else in reading many.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from amlflow_mlflow.store import Store

Row = tuple[int, int, float]
"""Milliseconds since 1970, step and value; rows are in this order."""


class Histories:
    """The points of one store's runs; ``threads`` is how many calls at once are worth it."""

    def __init__(self, store: Store, threads: int) -> None:
        self._store, self._threads = store, threads

    def of(self, run_id: str, keys: Sequence[str]) -> Iterator[tuple[str, list[Row]]]:
        """The points of each of a run's metrics."""
        if self._store.has_sessions:
            select = functools.partial(self._select, run_id, keys)
            yield from self._store.patiently(select).items()
            return
        if self._threads == 1 or len(keys) < 2:
            yield from ((key, self._store.metric_rows(run_id, key)) for key in keys)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            read_rows = functools.partial(self._store.metric_rows, run_id)
            yield from zip(keys, pool.map(read_rows, keys), strict=True)

    def _select(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        """All from MLflow's database in one statement."""
        # What only a database needs takes half a second to import.
        from mlflow.store.tracking.dbmodels.models import SqlMetric as Table

        columns = Table.key, Table.timestamp, Table.step, Table.value, Table.is_nan
        histories: dict[str, list[Row]] = {key: [] for key in keys}
        with self._store.session() as session:
            rows = session.query(*columns).filter(Table.run_uuid == run_id)
            if len(keys) == 1:
                rows = rows.filter(Table.key == keys[0])
            for key, time, step, value, is_nan in rows.order_by(*columns[1:4]):
                if key in histories:
                    histories[key].append((time, step, math.nan if is_nan else value))
        return histories
