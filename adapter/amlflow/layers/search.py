"""Makes a tracker's search exact: a tracker may find too many runs, this layer drops the rest."""

from __future__ import annotations

from collections.abc import Iterator

from amlflow.layers.layer import Layer
from amlflow.spec import RunQuery, RunRecord


class Search(Layer):
    """Checks each run that is found against the conditions."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for run in self.inner.find_runs(query):
            if all(condition.holds(run) for condition in query.conditions):
                yield run
