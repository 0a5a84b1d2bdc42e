"""Checks that the values of a database's entities have the types of their columns.

SQLite can store any value in any column (see :mod:`amlflow.tracker_data`), and MLflow's own store
does not check it. A value of a wrong type counts as missing. An entity is left out if its id does
not have the form of an id, or its name is not a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from typing import Any

from amlflow.spec import RunNotFound
from amlflow.tracker_data import (
    is_id,
    keep_id,
    parse,
    read_number,
    read_text,
    read_texts,
    read_whole,
    show_value,
    to_id,
    to_location,
)

from amlflow_mlflow.entities import Experiment, ModelVersion, Row, Run, RunData, RunInfo
from amlflow_mlflow.records import NAME

_TEXTS = {str}
_NUMBERS = {float}
_RUN_TEXTS = ("status", "lifecycle_stage", "run_name", "user_id")
_RUN_TIMES = ("start_time", "end_time")


def type_info(info: Any) -> RunInfo:
    """Check a run's info. Raises :class:`RunNotFound` if the id does not have the form of one."""
    run_id = info.run_id
    if not is_id(run_id):
        raise RunNotFound(show_value(run_id))
    texts = {name: read_text(run_id, name, getattr(info, name)) for name in _RUN_TEXTS}
    times = {name: read_whole(run_id, name, getattr(info, name)) for name in _RUN_TIMES}
    return RunInfo(
        run_id=run_id,
        experiment_id=parse(run_id, "experiment_id", str(info.experiment_id), to_id) or "",
        status=texts["status"] or "",
        start_time=times["start_time"] or 0,
        end_time=times["end_time"],
        artifact_uri=parse(run_id, "artifact_uri", info.artifact_uri, to_location) or "",
        lifecycle_stage=texts["lifecycle_stage"] or "",
        run_name=texts["run_name"],
        user_id=texts["user_id"],
    )


def type_run(run: Any) -> Run:
    """Check a run. Raises :class:`RunNotFound` if the id does not have the form of one."""
    info, data = type_info(run.info), run.data
    tags = type_texts(info.run_id, data.tags)
    # Before MLflow 2.0, only a tag has the name of a run.
    info.run_name = info.run_name or tags.get(NAME) or info.run_name
    return Run(
        info,
        RunData(
            tags=tags,
            params=type_texts(info.run_id, data.params),
            metrics=_type_numbers(info.run_id, data.metrics),
        ),
    )


def type_runs(runs: Iterable[Any]) -> Iterator[Run]:
    """Check runs. Those whose ids do not have the form of an id are left out."""
    return (type_run(run) for run in runs if keep_id(run.info.run_id))


def type_texts(owner: str, entries: Mapping[Any, Any]) -> Mapping[str, str]:
    """Return tags or params, without those that are not texts."""
    if set(map(type, entries)) | set(map(type, entries.values())) <= _TEXTS:
        return entries
    return read_texts(owner, entries.items())


def _type_numbers(owner: str, metrics: Mapping[Any, Any]) -> Mapping[str, float]:
    """Check the last numbers of metrics. A value that is not a number becomes NaN."""
    if set(map(type, metrics.values())) <= _NUMBERS and set(map(type, metrics)) <= _TEXTS:
        return metrics
    numbers = {}
    for key, value in metrics.items():
        if isinstance(key, str):
            number = read_number(owner, key, value)
            numbers[key] = nan if number is None else number
    return numbers


def type_rows(owner: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Row]]:
    """Yield key and point of each valid row (key, time, step, number, whether it is NaN)."""
    for key, time, step, value, is_nan in rows:
        if type(time) is int and type(step) is int and type(value) is float:
            yield key, Row(time, step, nan if is_nan else value)
            continue
        name = str(key)
        numbers = read_whole(owner, name, time), read_whole(owner, name, step)
        number = read_number(owner, name, value)
        if None not in numbers and number is not None:
            yield key, Row(*numbers, nan if is_nan else number)  # type: ignore[arg-type]


def type_experiment(experiment: Any) -> Experiment | None:
    """Check an experiment. None if its id is not one, or its name is not a text."""
    if not keep_id(str(experiment.experiment_id), "experiment_id"):
        return None
    owner = f"experiment {experiment.experiment_id}"
    name = read_text(owner, "name", experiment.name)
    if name is None:
        return None
    return Experiment(
        experiment_id=str(experiment.experiment_id),
        name=name,
        lifecycle_stage=read_text(owner, "lifecycle_stage", experiment.lifecycle_stage) or "",
        artifact_location=parse(
            owner, "artifact_location", experiment.artifact_location, to_location
        ),
        creation_time=read_whole(owner, "creation_time", experiment.creation_time),
        last_update_time=read_whole(owner, "last_update_time", experiment.last_update_time),
        tags=type_texts(owner, experiment.tags),
    )


def type_version(version: Any) -> ModelVersion | None:
    """Check a model's version. None if it does not have a name and a number."""
    owner = f"model {version.name}"
    name = read_text(owner, "name", version.name)
    if name is None or not str(version.version).isdecimal():
        return None
    owner = f"model {name}:{version.version}"
    return ModelVersion(
        name=name,
        version=str(version.version),
        creation_timestamp=read_whole(owner, "creation_time", version.creation_timestamp),
        user_id=read_text(owner, "user_id", version.user_id),
        description=read_text(owner, "description", version.description),
        source=parse(owner, "source", version.source, to_location),
        run_id=read_text(owner, "run_id", version.run_id),
        tags=type_texts(owner, version.tags),
    )
