"""Search, over a tracker that finds too many runs: this layer drops the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from amlflow.layers.layer import Layer
from amlflow.spec import Feature, RunQuery, RunRecord


class SearchLayer(Layer):
    """Checks each run that is found against the conditions."""

    adds = Feature.SEARCH

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in self.inner.find_runs(query):
            if all(condition.holds(run) for condition in query.conditions):
                yield run

    def count_runs(self, query: RunQuery) -> int | None:
        return None

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        return None

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        return None
