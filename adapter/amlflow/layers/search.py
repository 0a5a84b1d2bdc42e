"""Search for a tracker that finds too many runs: the layer drops those that do not match."""

from __future__ import annotations

from collections.abc import Iterator

from amlflow.layers.layer import ReadingLayer
from amlflow.spec import Feature, RunQuery, RunRecord


class SearchLayer(ReadingLayer):
    """A layer that checks each run of the tracker against the conditions."""

    adds = Feature.SEARCH

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in self.inner.find_runs(query):
            if all(condition.holds(run) for condition in query.conditions):
                yield run
