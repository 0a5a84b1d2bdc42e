"""A run as a document: the JSON that queries see and the command line prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import isnan
from typing import Any, NamedTuple

from amlflow.claims import without_claims
from amlflow.spec import METRIC_FIELDS, Condition, RunRecord, Status
from amlflow.times import to_iso
from amlflow.tracker_notes import (
    parse_error,
    parse_parent_alias,
    parse_root_alias,
    parse_script,
    parse_target,
    parse_warnings,
)

Document = dict[str, Any]

PARENT_ALIAS = parse_parent_alias.key
ROOT_ALIAS = parse_root_alias.key
"""Notes of a nested run: the ids of its parent and root, as users see them."""


def run_id(record: RunRecord) -> str:
    """The run's id, as users see it."""
    return record.alias or record.id


def parent_run_id(record: RunRecord) -> str | None:
    """The parent's id, as users see it."""
    if record.parent_id is None:
        return None
    return parse_parent_alias(record) or record.parent_id


def root_run_id(record: RunRecord) -> str | None:
    """The root's id, as users see it; None if a nested run has no note of it."""
    if record.parent_id is None:
        return run_id(record)
    return parse_root_alias(record) or record.root_id


def iso(moment: datetime | None) -> str | None:
    """Return a time in ISO 8601, as :func:`amlflow.times.to_iso` does, and None for None."""
    return None if moment is None else to_iso(moment)


def _script(record: RunRecord) -> str | None:
    return parse_script(record) or None


def _error(record: RunRecord) -> Any:
    return parse_error(record) if record.status == Status.FAILED else None


def _sort_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in sorted(values)}


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Leave out NaN, since a comparison with NaN is always false."""
    return {key: values[key] for key in sorted(values) if not isnan(values[key])}


NUMBER = "run_number"
EXPERIMENT = "_experiment_name"
_FIELDS: dict[str, Callable[[RunRecord], Any]] = {
    NUMBER: lambda record: None,
    "run_id": run_id,
    "root_run_id": root_run_id,
    "parent_run_id": parent_run_id,
    "experiment_id": lambda record: record.experiment_id,
    EXPERIMENT: lambda record: None,
    "name": lambda record: record.name,
    "display_name": lambda record: record.name,
    "description": lambda record: record.description,
    "status": lambda record: record.status,
    "run_type": lambda record: record.type,
    "target": lambda record: parse_target(record) or "sdk",
    "script_name": _script,
    "user_id": lambda record: record.user,
    "created_by": lambda record: record.user,
    "created_utc": lambda record: iso(record.created),
    "start_time_utc": lambda record: iso(record.started),
    "end_time_utc": lambda record: iso(record.ended),
    "hidden": lambda record: False,
    "error": _error,
    "warnings": parse_warnings,
    "tags": lambda record: _sort_keys(record.tags),
    "properties": lambda record: _sort_keys(without_claims(record.properties)),
    "params": lambda record: _sort_keys(record.params),
}
FIELDS = tuple(_FIELDS)
"""The fields of a document, in their order."""
_FIELDS.update(
    metrics=lambda record: _numbers(record.metrics),
    metrics_min=lambda record: _numbers(record.metrics_min),
    metrics_max=lambda record: _numbers(record.metrics_max),
    metrics_first=lambda record: _numbers(record.metrics_first),
)
ALL_FIELDS = tuple(_FIELDS)
"""The fields that a document has only if the query names them."""
MAPS = ("tags", "properties", "params", *METRIC_FIELDS)
"""The fields that are maps with the user's keys. Metrics map to numbers, the others to texts."""


_NEITHER = {*MAPS, "hidden", "error", "warnings"}
"""The fields whose values are neither texts nor numbers."""


def type_of(field: str, key: str | None = None) -> type | None:
    """Return the type of a field's values, or of a map's entries: ``str``, ``float`` or None."""
    if key is not None:
        return float if field in METRIC_FIELDS else str
    if field == NUMBER:
        return float
    return None if field in _NEITHER or field not in ALL_FIELDS else str


class Entry(NamedTuple):
    """A field of a document; or, with a key, one entry of a field that is a map."""

    field: str
    key: str | None = None

    @property
    def is_metric(self) -> bool:
        """Whether this is an entry of a map of metrics."""
        return self.key is not None and self.field in METRIC_FIELDS


_MADE_FROM: dict[str, tuple[str, ...]] = {
    "run_id": ("alias",),
    "root_run_id": ("alias", "parent_id", "root_id", f"system.{ROOT_ALIAS}"),
    "parent_run_id": ("parent_id", f"system.{PARENT_ALIAS}"),
    "display_name": ("name",),
    "run_type": ("type",),
    "target": ("system.target",),
    "script_name": ("system.script",),
    "user_id": ("user",),
    "created_by": ("user",),
    "created_utc": (),
    "start_time_utc": ("started",),
    "end_time_utc": ("ended",),
    "error": ("status", "system.error"),
    "warnings": ("system.warnings",),
    "experiment_id": (),
    EXPERIMENT: (),
    NUMBER: (),
    "hidden": (),
}
"""The attributes of a record from which a field is made, if they have another name.

The id, experiment and creation of a record are always read."""


SORTED_BY = frozenset({"created_utc", "end_time_utc", "name", "display_name", "description", *MAPS})
"""Fields that sort runs in the same order as the fields of the records."""


def record_fields(entries: Iterable[Entry], conditions: Iterable[Condition] = ()) -> frozenset[str]:
    """Return the fields of records that these entries and conditions need."""
    fields: set[str] = set()
    for name, key in entries:
        if name in ALL_FIELDS:
            fields.update(_MADE_FROM.get(name, (name if key is None else f"{name}.{key}",)))
    for condition in conditions:
        fields.add(
            condition.field if condition.key is None else f"{condition.field}.{condition.key}"
        )
    return frozenset(fields - {"id", "experiment_id", "created"})


def whole_record(metrics: Iterable[str]) -> frozenset[str] | None:
    """Return all fields of records with these metrics, for :attr:`amlflow.spec.RunQuery.fields`."""
    names = {field.name for field in dataclasses.fields(RunRecord)} - {*METRIC_FIELDS}
    metrics = frozenset(metrics)
    return frozenset(names | metrics) if metrics else None


class Documents:
    """Makes documents of runs, whole or with some fields only.

    ``experiments`` are the names by id.
    """

    def __init__(self, experiments: Mapping[str, str]) -> None:
        self._experiments = experiments

    def make(self, record: RunRecord, fields: Iterable[str] = FIELDS) -> Document:
        """Make a document. ``run_number`` is null, since only a tracker can count runs."""
        document = {field: _FIELDS[field](record) if field in _FIELDS else None for field in fields}
        if EXPERIMENT in document:
            document[EXPERIMENT] = self._experiments.get(record.experiment_id)
        return document
