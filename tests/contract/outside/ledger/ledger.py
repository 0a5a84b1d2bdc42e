"""Somebody else's plugin: a tracker in one SQLite file, a compute target, a command, run hooks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import Commands, Compute, Feature, RunRecord, Tracker, hookimpl

amlflow_spec = 1
features = frozenset({Feature.SHARED, Feature.BATCHES})
check_uri = "ledger:{folder}/ledger"
check_kind = "shell"


@hookimpl
def amlflow_tracker(uri: str) -> Tracker | None:
    scheme, _, folder = uri.partition(":")
    if scheme != "ledger":
        return None
    from ledger_tracker import LedgerTracker

    return LedgerTracker(uri, folder)


@hookimpl
def amlflow_compute(kind: str, settings: Mapping[str, Any]) -> Compute | None:
    if kind != "shell":
        return None
    from ledger_compute import ShellCompute

    if settings:
        raise ComputeTargetException(f"A target of the kind 'shell' knows no {list(settings)}.")
    return ShellCompute()


@hookimpl
def amlflow_run_started(run: RunRecord) -> None:
    _note("started", run)


@hookimpl
def amlflow_run_ended(run: RunRecord) -> None:
    _note("ended", run)


def _note(what: str, run: RunRecord) -> None:
    if "LEDGER_NOTES" in os.environ:
        with open(os.environ["LEDGER_NOTES"], "a", encoding="utf-8") as file:
            file.write(f"{what} {run.id} {run.status}\n")


@hookimpl
def amlflow_commands(group: Commands) -> None:
    group.add("ledger count", count, "amlflow ledger count --uri ledger:/tmp/mine")


def count(uri: str, by_experiment: bool = False) -> dict[str, int]:
    """Count the runs of a ledger.

    :param uri: Address of the ledger.
    :param by_experiment: Count them for each experiment.
    """
    from amlflow.spec import RunQuery
    from ledger_tracker import LedgerTracker

    tracker = LedgerTracker(uri, uri.partition(":")[2])
    counts: dict[str, int] = {}
    for run in tracker.find_runs(RunQuery()):
        key = tracker.get_experiment(run.experiment_id).name if by_experiment else "runs"
        counts[key] = counts.get(key, 0) + 1
    return counts
