"""Parses MLflow's JSON into entities, field by field. No other module does that.

Each function raises one of :data:`MALFORMED` if the JSON does not have the form that MLflow's
documentation describes. :meth:`amlflow_mlflow.rest.calls.Calls.parse` turns that into an outage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from amlflow.tracker_data import parse, to_id, to_location

from amlflow_mlflow.answers import number, text
from amlflow_mlflow.entities import Experiment, ModelVersion, Row, Run, RunData, RunInfo
from amlflow_mlflow.rest.old_names import from_server

MALFORMED = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)

Message = Mapping[str, Any]


def to_run(message: Message) -> Run:
    """Parse a run: the ``run`` of ``runs/get``."""
    data = message.get("data") or {}
    return Run(
        to_run_info(message["info"]),
        RunData(
            tags=_entries(data.get("tags")),
            params=_entries(data.get("params")),
            metrics={
                from_server(text(metric["key"])): _value(metric)
                for metric in data.get("metrics", ())
            },
        ),
    )


def to_inputs(message: Message) -> set[tuple[str, str]]:
    """Parse the names and digests of a run's data sets, from the ``run`` of ``runs/get``."""
    inputs = (message.get("inputs") or {}).get("dataset_inputs", ())
    return {(text(item["dataset"]["name"]), text(item["dataset"]["digest"])) for item in inputs}


def to_run_info(message: Message) -> RunInfo:
    """Parse a run's info: the ``run_info`` of ``runs/update``."""
    return RunInfo(
        run_id=(run_id := _id(message.get("run_id") or message["run_uuid"])),
        experiment_id=_id_of_experiment(run_id, message),
        status=text(message["status"]),
        start_time=number(message.get("start_time", 0)),
        end_time=_optional(message.get("end_time"), number),
        artifact_uri=_location(run_id, "artifact_uri", message) or "",
        lifecycle_stage=text(message.get("lifecycle_stage", "active")),
        run_name=_optional(message.get("run_name"), text),
        user_id=_optional(message.get("user_id"), text),
    )


def to_experiment(message: Message) -> Experiment:
    """Parse an experiment: the ``experiment`` of ``experiments/get``."""
    return Experiment(
        experiment_id=_id(message["experiment_id"]),
        name=text(message["name"]),
        lifecycle_stage=text(message.get("lifecycle_stage", "active")),
        artifact_location=_location(message["experiment_id"], "artifact_location", message),
        creation_time=_optional(message.get("creation_time"), number),
        last_update_time=_optional(message.get("last_update_time"), number),
        tags=_entries(message.get("tags")),
    )


def to_version(message: Message) -> ModelVersion:
    """Parse a version of a model: the ``model_version`` of ``model-versions/get``."""
    return ModelVersion(
        name=_id(message["name"]),
        version=str(number(message["version"])),
        creation_timestamp=_optional(message.get("creation_timestamp"), number),
        user_id=_optional(message.get("user_id"), text),
        description=_optional(message.get("description"), text),
        source=_location(message["name"], "source", message),
        run_id=_optional(message.get("run_id"), text),
        tags=_entries(message.get("tags")),
    )


def to_tags(message: Message) -> Mapping[str, str]:
    """Parse the tags of a registered model."""
    return _entries(message.get("tags"))


def to_row(message: Message) -> Row:
    """Parse a point: one of the ``metrics`` of ``metrics/get-history``."""
    return Row(number(message["timestamp"]), number(message.get("step", 0)), _value(message))


def from_value(value: float) -> float | str:
    """Encode a number for JSON. NaN and infinities become texts, as in Protocol Buffers."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _value(message: Message) -> float:
    value = message.get("value", 0.0)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(value)
    return float(value)


def _entries(messages: Any) -> dict[str, str]:
    """Parse tags or params. Returns them by key."""
    return {
        from_server(text(entry["key"])): text(entry.get("value", "")) for entry in messages or ()
    }


def _id(value: Any) -> str:
    if not text(value):
        raise ValueError("an id is empty")
    return text(value)


def _id_of_experiment(run_id: str, message: Message) -> str:
    """Parse the id of a run's experiment. It counts as absent if it has another form."""
    return parse(run_id, "experiment_id", _id(message["experiment_id"]), to_id) or ""


def _location(owner: str, key: str, message: Message) -> str | None:
    """Parse a path or address of files. Users choose it, so a wrong one counts as absent."""
    return parse(owner, key, _optional(message.get(key), text), to_location)


def _optional(value: Any, take: Any) -> Any:
    return None if value is None else take(value)
