"""Metrics in searches, for a tracker that finds runs without their metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from amlflow.layers.layer import Layer
from amlflow.metric_numbers import ORDERS, add_metrics, is_metric, names_metrics, sort_runs
from amlflow.spec import METRIC_FIELDS, Feature, RunQuery, RunRecord

_SORTED_FROM = {"duration": ("started", "ended"), "created": ()}


class MetricsLayer(Layer):
    """A layer that reads the points of each run if a query names metrics."""

    adds = Feature.METRICS

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        if not _is_new(query):
            yield from self.inner.find_runs(query)
            return
        runs = self._find(query)
        if query.order is not None and query.order.field in ORDERS:
            runs = iter(sort_runs(runs, query.order))
        yield from runs

    def _find(self, query: RunQuery) -> Iterator[RunRecord]:
        """Find runs with their metrics, sorted only if the tracker knows the order."""
        order = query.order
        is_sorted = order is None or order.field not in ORDERS
        plain = dataclasses.replace(
            query,
            conditions=[item for item in query.conditions if item.field not in METRIC_FIELDS],
            order=order if is_sorted else None,
            place=query.place if is_sorted else None,
            limit=query.limit if is_sorted else 0,
            fields=_plain_fields(query),
        )
        has_metrics = names_metrics(query)
        for record in self.inner.find_runs(plain):
            run = add_metrics(record, self.inner.read_points(record.id)) if has_metrics else record
            if all(condition.holds(run) for condition in query.conditions):
                yield run

    def count_runs(self, query: RunQuery) -> int | None:
        return None if _is_new(query) else super().count_runs(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        if _is_new(query, field):
            return None
        return super().first_runs(query, field, last)

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        if _is_new(query, *fields):
            return None
        return super().field_values(query, fields)


def _is_new(query: RunQuery, *fields: str) -> bool:
    """Whether a query or one of the fields needs this feature: a metric or one of its orders."""
    order = query.order
    return names_metrics(query, *fields) or (order is not None and order.field in ORDERS)


def _plain_fields(query: RunQuery) -> frozenset[str] | None:
    """Return the fields to ask the tracker for; None for all."""
    if query.fields is None:
        return None
    fields = {field for field in query.fields if not is_metric(field)}
    order = query.order
    if order is not None and order.field not in METRIC_FIELDS:
        own = order.field if order.key is None else f"{order.field}.{order.key}"
        fields.update(_SORTED_FROM.get(order.field, (own,)))
    return frozenset(fields)
