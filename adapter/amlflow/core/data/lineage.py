"""Which runs have read and written a data set."""

from __future__ import annotations

from itertools import islice
from typing import Any

from amlflow.core.data.dataset import AbstractDataset, definition_of, registration_of
from amlflow.core.store import WorkspaceBase, tracker_of
from amlflow.data.notes import INPUT
from amlflow.spec import Condition, Op, RunNotFound, RunQuery, RunRecord

MAX_READERS = 100
"""How many runs are listed, newest first."""


def describe(workspace: WorkspaceBase, dataset: AbstractDataset) -> dict[str, Any]:
    """Describe a registered version, with the runs that read it and the run that wrote it."""
    tracker = tracker_of(workspace)
    condition = Condition("system", Op.HAS, key=f"{INPUT}{dataset.id}")
    readers = islice(tracker.find_runs(RunQuery(conditions=[condition])), MAX_READERS)
    registration = registration_of(dataset)
    writer = None if registration is None else registration.writer
    return {
        **summarize(dataset),
        "read_by": [_run(run) for run in readers],
        "written_by": None if writer is None else _find_writer(workspace, writer),
    }


def summarize(dataset: AbstractDataset) -> dict[str, Any]:
    """Describe a version by its name, id, paths, tags and so on, without its runs."""
    definition, registration = definition_of(dataset), registration_of(dataset)
    return {
        "name": dataset.name,
        "version": dataset.version,
        "id": dataset.id,
        "type": type(dataset).__name__,
        "format": definition.format,
        "paths": [str(source) for source in definition.sources],
        "description": dataset.description,
        "tags": dataset.tags,
        "created_time": None if registration is None else registration.created.isoformat(),
        "created_by": None if registration is None else registration.by,
    }


def _find_writer(workspace: WorkspaceBase, run_id: str) -> dict[str, Any] | None:
    try:
        return _run(tracker_of(workspace).get_run(run_id))
    except RunNotFound:
        return {"run_id": run_id, "name": None, "status": None}


def _run(run: RunRecord) -> dict[str, Any]:
    return {"run_id": run.alias or run.id, "name": run.name, "status": run.status}
