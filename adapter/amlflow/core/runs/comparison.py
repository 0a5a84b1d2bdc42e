"""What differs between two runs."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlflow.core.runs.base import display_id, record_of
from amlflow.core.runs.run import Run
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY
from amlflow.core.store import tracker_of
from amlflow.exceptions import SnapshotException

Differences = dict[str, list[Any]]
"""For each key that differs, the value of each run; None where a run lacks it."""


def compare_runs(left: Run, right: Run) -> dict[str, Any]:
    """What differs: status, properties, tags, params, metrics, environment and snapshot.

    ``runs`` are both ids. Each other entry maps a key to the values of both runs, and is empty if
    nothing differs. ``environment`` has the name, the version and each package. ``snapshot`` maps
    a file to its sizes in bytes.

    Raises:
        SnapshotException: a snapshot cannot be read.
    """
    records = record_of(left), record_of(right)
    environments = [_flatten_environment(run) for run in (left, right)]
    return {
        "runs": [display_id(record) for record in records],
        "status": _differ(*({"status": record.status} for record in records)),
        "properties": _differ(*(record.properties for record in records)),
        "tags": _differ(*(record.tags for record in records)),
        "params": _differ(*(record.params for record in records)),
        "metrics": _differ(left.get_metrics(), right.get_metrics()),
        "environment": _differ(*environments),
        "snapshot": _compare_snapshots(left, right),
    }


def _differ(left: Mapping[str, Any], right: Mapping[str, Any]) -> Differences:
    return {
        key: [left.get(key), right.get(key)]
        for key in sorted({*left, *right})
        if key not in left or key not in right or left[key] != right[key]
    }


def _flatten_environment(run: Run) -> dict[str, Any]:
    """Name and version of a run's environment, and the version of each package in it."""
    environment = run.get_details().get("environment") or {}
    packages = dict(
        package.partition("==")[::2] if "==" in package else (package, "")
        for package in environment.get("packages") or ()
    )
    return {
        **{key: environment[key] for key in ("name", "version") if environment.get(key)},
        **{f"package {name}": version for name, version in packages.items()},
    }


def _compare_snapshots(left: Run, right: Run) -> Differences:
    digests = [record_of(run).properties.get(SNAPSHOT_PROPERTY) for run in (left, right)]
    if digests[0] == digests[1]:
        return {}
    files = [{} if digest is None else _read_snapshot(left, digest) for digest in digests]
    return {
        name: [None if size is None else size[0] for size in sizes]
        for name, sizes in _differ(*files).items()
    }


def _read_snapshot(run: Run, digest: str) -> dict[str, tuple[int, int]]:
    """The size and checksum of each file of a snapshot; nothing is unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "snapshot.zip")
        tracker_of(run.experiment).get_snapshot(digest, archive)
        try:
            with zipfile.ZipFile(archive) as content:
                return {
                    entry.filename: (entry.file_size, entry.CRC)
                    for entry in content.infolist()
                    if not entry.is_dir()
                }
        except zipfile.BadZipFile as error:
            raise SnapshotException(
                f"Snapshot {digest} is not a zip archive: {error}. Store it again with "
                "run.take_snapshot()."
            ) from error
