"""What differs between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.claims import without_claims
from amlflow.core.runs.base import RunBase, display_id, record_of
from amlflow.core.runs.environment_used import describe_environment
from amlflow.core.runs.metric_values import shapes
from amlflow.core.runs.snapshot_files import different_names, files_of, open_snapshot
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY
from amlflow.core.store import tracker_of
from amlflow.environments.specification import OF_CONDA
from amlflow.spec import RunRecord, Tracker

Differences = dict[str, list[Any]]
"""For each key that differs, the value in each run; None if a run lacks the key."""


def compare_runs(left: RunBase, right: RunBase) -> dict[str, Any]:
    """Return the differences between two runs.

    ``runs`` has both ids. The other entries are status, properties, tags, params, metrics,
    environment and snapshot. Each maps a key to the values of both runs, and is empty if nothing
    differs. ``environment`` has the name, the version and each package. ``snapshot`` maps a file to
    its sizes in bytes.

    Raises:
        SnapshotException: a snapshot cannot be read.
    """
    tracker, records = tracker_of(left.experiment), (record_of(left), record_of(right))
    return {
        "runs": [display_id(record) for record in records],
        **compare_records(tracker, *records),
        "snapshot": _compare_snapshots(tracker, *records),
    }


def compare_records(tracker: Tracker, left: RunRecord, right: RunRecord) -> dict[str, Differences]:
    """Return the differences between two records, in the form of :func:`compare_runs`.

    The result has no ``runs`` and no ``snapshot``.
    """
    records = left, right
    return {
        "status": _differ(*({"status": record.status} for record in records)),
        "properties": _differ(*(without_claims(record.properties) for record in records)),
        "tags": _differ(left.tags, right.tags),
        "params": _differ(left.params, right.params),
        "metrics": _differ(*(_metrics(tracker, record) for record in records)),
        "environment": _differ(*(_flatten_environment(tracker, record) for record in records)),
    }


def _metrics(tracker: Tracker, record: RunRecord) -> dict[str, Any]:
    return shapes(tracker.read_points(record.id), lambda point: point.value)


def _differ(left: Mapping[str, Any], right: Mapping[str, Any]) -> Differences:
    return {
        key: [left.get(key), right.get(key)]
        for key in sorted({*left, *right})
        if key not in left or key not in right or left[key] != right[key]
    }


def _flatten_environment(tracker: Tracker, record: RunRecord) -> dict[str, Any]:
    """Return the name and version of a run's environment, and the version of each package."""
    environment = describe_environment(tracker, record) or {}
    packages = dict(map(split_package, environment.get("packages") or ()))
    return {
        **{key: environment[key] for key in ("name", "version") if environment.get(key)},
        **{f"package {name}": version for name, version in packages.items()},
    }


def split_package(package: str) -> tuple[str, str]:
    """Return the name and the version of a package."""
    if package.startswith(OF_CONDA):
        name, _, version = package.removeprefix(OF_CONDA).partition("=")
        return f"{name} (conda)", version
    name, _, version = package.partition("==")
    return name, version


def _compare_snapshots(tracker: Tracker, left: RunRecord, right: RunRecord) -> Differences:
    digests = [record.properties.get(SNAPSHOT_PROPERTY) for record in (left, right)]
    if digests[0] == digests[1]:
        return {}
    with (
        open_snapshot(tracker, digests[0]) as one,
        open_snapshot(tracker, digests[1]) as other,
    ):
        sides = files_of(one), files_of(other)
    return {
        name: [side[name].file_size if name in side else None for side in sides]
        for name in different_names(*sides)
    }
