"""Checks that a search which begins at a place of an order leaves out no run after it."""

from __future__ import annotations

from dataclasses import replace

from amlflow.metric_numbers import value_of
from amlflow.spec import ExperimentRecord, Order, Place, RunQuery, Tracker
from amlflow.testing.suites.base import MILLISECOND


def assert_places(tracker: Tracker, experiment: ExperimentRecord, order: Order) -> None:
    """Search from the place of each run, and from a place after it where no run is.

    All runs are read, even if a limit says otherwise: each kind of place is tried with a limit and
    without, in turn.
    """
    field = order.field if order.key is None else f"{order.field}.{order.key}"
    fields = frozenset({"started", "ended"} if field == "duration" else {field})
    query = RunQuery(experiment_ids=[experiment.id], order=order, fields=fields)
    runs = list(tracker.find_runs(query))
    ids = [run.id for run in runs]
    for index, run in enumerate(runs):
        value, older = value_of(run, order), run.created - MILLISECOND
        after_ties = [
            each.id
            for each in runs[index:]
            if value_of(each, order) != value or each.created < older
        ]
        limit = index % 2 * 2
        for place, expected, hint in (
            (Place(value, run.created, run.id), ids[index:], limit),
            (Place(value, older, "~"), after_ties, 2 - limit),
        ):
            asked = replace(query, place=place, limit=hint)
            found = [each.id for each in tracker.find_runs(asked)]
            assert found[len(found) - len(expected) :] == expected, asked
