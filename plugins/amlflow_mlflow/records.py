"""Turns MLflow's experiments and runs into records of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amlflow.spec import FINAL, LAUNCHED, UNSTARTED, ExperimentRecord, RunRecord, Status
from amlflow.times import from_milliseconds, to_milliseconds
from amlflow.tracker_data import (
    leave_out,
    parse,
    show_value,
    to_id,
    to_name,
    to_status,
    to_whole,
)

from amlflow_mlflow.spelling import (
    ALIAS,
    CLAIM,
    FIRST,
    FIRST_PROPERTIES,
    PROPERTY,
    RESERVED,
    ROOT,
    STARTED,
    STATUS,
    SYSTEM,
    TYPE,
    from_key,
    from_tag_value,
)

PARENT = "mlflow.parentRunId"
DESCRIPTION = "mlflow.note.content"
NAME = "mlflow.runName"
USER = "mlflow.user"

MLFLOW_STATUS = {
    Status.COMPLETED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.CANCELED: "KILLED",
    Status.PREPARING: "RUNNING",
    Status.RUNNING: "RUNNING",
    Status.FINALIZING: "RUNNING",
    Status.CANCEL_REQUESTED: "RUNNING",
    Status.NOT_RESPONDING: "RUNNING",
    Status.PAUSING: "RUNNING",
    Status.PAUSED: "RUNNING",
}
"""MLflow's own status for each status of v1. For others it is RUNNING, which MLflow gives each new
run: another call for each run of a long list takes as long as its creation."""
V1_STATUS = {
    "FINISHED": Status.COMPLETED,
    "FAILED": Status.FAILED,
    "KILLED": Status.CANCELED,
    "RUNNING": Status.RUNNING,
    "SCHEDULED": Status.QUEUED,
}
to_ms, from_ms = to_milliseconds, from_milliseconds


def to_run(run: Any) -> RunRecord:
    """Return the record of an ``mlflow.entities.Run``."""
    tags, run_id, info = run.data.tags, run.info.run_id, run.info
    status_tags = tags.get(STATUS), tags.get(SYSTEM + LAUNCHED)
    parent_id = parse(run_id, PARENT, tags.get(PARENT), to_id)
    root_id = parse(run_id, ROOT, tags.get(ROOT), to_id)
    return RunRecord(
        id=run_id,
        alias=parse(run_id, ALIAS, tags.get(ALIAS), to_id),
        experiment_id=run.info.experiment_id,
        parent_id=parent_id,
        root_id=root_id or (None if parent_id else run_id),
        name=run.info.run_name,
        type=parse(run_id, TYPE, tags.get(TYPE), to_name),
        status=status_of(run_id, info.status, *status_tags),
        created=from_ms(info.start_time),
        started=start_of(run_id, info.status, *status_tags, info.start_time, tags.get(STARTED)),
        ended=end_of(run_id, info.status, *status_tags, info.end_time),
        user=tags.get(USER) or run.info.user_id or None,
        description=tags.get(DESCRIPTION),
        tags=_tags(tags),
        properties=_properties(run.data.params, tags),
        system={key[len(SYSTEM) :]: value for key, value in tags.items() if key.startswith(SYSTEM)},
        params={
            key: value
            for key, value in sorted(run.data.params.items())
            if not key.startswith(PROPERTY) and key != CLAIM
        },
    )


def _properties(params: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, str]:
    """Return properties, sorted by key."""
    stored = {key[len(PROPERTY) :]: params[key] for key in params if key.startswith(PROPERTY)}
    first = first_properties(tags)
    return {from_key(key): value for key, value in sorted({**first, **stored}.items())}


def first_properties(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that are tags, by their keys in MLflow."""
    names = {key: key[len(FIRST) :] for key in tags if key.startswith(FIRST)}
    return {name: tags[key] for key, name in names.items() if name in FIRST_PROPERTIES}


def status_of(run_id: str, mlflow_status: str, fine: str | None, launched: str | None) -> str:
    """Return v1's status, from MLflow's status and the tags ``fine`` and ``launched``."""
    status = V1_STATUS.get(mlflow_status, Status.RUNNING)
    # A final status that another client has set counts, not the finer one in the tag. But if the
    # run has an agent, the agent decides how the run ends.
    is_up_to_agent = launched == "yes" and status != Status.CANCELED
    if status in FINAL and not is_up_to_agent:
        return status
    fine_status = parse(run_id, STATUS, fine, to_status)
    if fine_status is not None and fine_status not in FINAL:
        return fine_status
    return Status.RUNNING if status in FINAL else status


def start_of(
    run_id: str,
    mlflow_status: str,
    fine: str | None,
    launched: str | None,
    start_time: int | None,
    note: str | None,
) -> datetime | None:
    """Return the start of a run; None while it waits. ``note`` is the tag with the exact time."""
    if status_of(run_id, mlflow_status, fine, launched) in UNSTARTED:
        return None
    milliseconds = parse(run_id, STARTED, note, to_whole)
    if milliseconds is not None:
        return _moment(run_id, STARTED, milliseconds)
    return _moment(run_id, "start_time", start_time)


def end_of(
    run_id: str, mlflow_status: str, fine: str | None, launched: str | None, end_time: int | None
) -> datetime | None:
    """Return the end of a run; None if it has not ended."""
    if not end_time or status_of(run_id, mlflow_status, fine, launched) not in FINAL:
        return None
    return _moment(run_id, "end_time", end_time)


def _moment(run_id: str, key: str, milliseconds: object) -> datetime | None:
    """Turn milliseconds of MLflow's into a time. None if there are none, or out of range."""
    if milliseconds is None:
        return None
    time = from_ms(milliseconds)
    if to_ms(time) != milliseconds:
        leave_out(run_id, key, "milliseconds since 1970", show_value(milliseconds))
        return None
    return time


def _tags(tags: dict[str, str]) -> dict[str, str | None]:
    """Return users' tags, sorted by key, since a database returns them in any order."""
    return {
        from_key(key): from_tag_value(value)
        for key, value in sorted(tags.items())
        if not key.startswith(RESERVED)
    }


def to_experiment(experiment: Any) -> ExperimentRecord:
    """Return the record of an ``mlflow.entities.Experiment``."""
    archived = None
    if experiment.lifecycle_stage == "deleted":
        archived = from_ms(experiment.last_update_time or experiment.creation_time or 0)
    return ExperimentRecord(
        id=experiment.experiment_id,
        name=experiment.name,
        created=from_ms(experiment.creation_time or 0),
        archived=archived,
        tags=_tags(experiment.tags),
    )
