"""Search, over a tracker that finds too many runs: this layer drops the others."""

from __future__ import annotations

from collections.abc import Iterator

from amlflow.layers.layer import ReadingLayer
from amlflow.spec import Feature, RunQuery, RunRecord


class SearchLayer(ReadingLayer):
    """Checks each run that is found against the conditions."""

    adds = Feature.SEARCH

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in self.inner.find_runs(query):
            if all(condition.holds(run) for condition in query.conditions):
                yield run
