"""What a store gives and takes: experiments, runs, points, versions of models, files.

They have the attributes of ``mlflow.entities``, so that MLflow's own objects do as well, and need
nothing of MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

ACTIVE, DELETED_ONLY, ALL = "ACTIVE_ONLY", "DELETED_ONLY", "ALL"
"""Which runs or experiments a search looks at: those that are not deleted, those that are, or all.
"""


class Page(list[Item]):
    """A part of what a search finds; ``token`` leads to the next part, or is None."""

    def __init__(self, items: Iterable[Item], token: str | None) -> None:
        super().__init__(items)
        self.token = token


class MetricPoint(NamedTuple):
    """A number of a metric; ``timestamp`` is in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


class Row(NamedTuple):
    """A point of one metric, as it is read; rows sort by time."""

    timestamp: int
    step: int
    value: float


@dataclass(slots=True)
class RunInfo:
    """What a run is; times are in milliseconds since 1970."""

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
    """What a run has; of each metric, the last number."""

    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """A run."""

    info: RunInfo
    data: RunData


@dataclass(slots=True)
class Experiment:
    """An experiment; times are in milliseconds since 1970."""

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
    """A file or folder among artifacts, by its path below their root."""

    path: str
    is_dir: bool


class InputDataset(NamedTuple):
    """A data set that a run reads, as MLflow's page shows it."""

    name: str
    digest: str
    source_type: str
    source: str
    tags: Mapping[str, str]
