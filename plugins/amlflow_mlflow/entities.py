"""The objects that a store takes and returns: experiments, runs, points, models, files.

They have the attributes of ``mlflow.entities``, so you can also use MLflow's own objects. They do
not need MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

ACTIVE, DELETED_ONLY, ALL = "ACTIVE_ONLY", "DELETED_ONLY", "ALL"
"""The runs or experiments that a search finds: not deleted ones, deleted ones, or all."""


class Page(list[Item]):
    """A page of a search's results. With ``token`` you get the next page; None after the last."""

    def __init__(self, items: Iterable[Item], token: str | None) -> None:
        super().__init__(items)
        self.token = token


class MetricPoint(NamedTuple):
    """A number of a metric. ``timestamp`` is in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


class Row(NamedTuple):
    """A point of one metric, as a store returns it. Rows are sorted by time."""

    timestamp: int
    step: int
    value: float


@dataclass(slots=True)
class RunInfo:
    """A run's ids, status, name and times. Times are in milliseconds since 1970."""

    run_id: str
    experiment_id: str
    status: str
    start_time: int
    end_time: int | None = None
    artifact_uri: str = ""
    lifecycle_stage: str = "active"
    run_name: str | None = None
    user_id: str | None = None


@dataclass(slots=True)
class RunData:
    """A run's tags, its params, and the last number of each metric."""

    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """A run: its info and its data."""

    info: RunInfo
    data: RunData


@dataclass(slots=True)
class Experiment:
    """An experiment. Times are in milliseconds since 1970."""

    experiment_id: str
    name: str
    lifecycle_stage: str = "active"
    artifact_location: str | None = None
    creation_time: int | None = None
    last_update_time: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ModelVersion:
    """A version of a registered model."""

    name: str
    version: str
    creation_timestamp: int | None = None
    user_id: str | None = None
    description: str | None = None
    source: str | None = None
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class FileEntry(NamedTuple):
    """A file or folder of an artifact store. ``path`` is relative to the store's root."""

    path: str
    is_dir: bool


class InputDataset(NamedTuple):
    """A data set that a run reads, as MLflow's page shows it."""

    name: str
    digest: str
    source_type: str
    source: str
    tags: Mapping[str, str]
