"""What a tracker is given and gives back: experiments, runs, points, models."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from amlflow.spec.errors import PropertyConflict
from amlflow.spec.status import Status

METRIC_FIELDS = ("metrics", "metrics_min", "metrics_max", "metrics_first")
"""The fields of a run's record that say what it has logged."""


class Kind(str, enum.Enum):
    """The kind of a metric, in v1's words; it decides the type of ``Point.value``."""

    SCALAR = "scalar"  # bool, int, float, str or None
    LIST = "list"  # list of those
    ROW = "row"  # {column: one of those}
    TABLE = "table"  # {column: list of those}, all lists equally long
    IMAGE = "image"  # the name of a file of the run
    ACCURACY_TABLE = "accuracy_table"  # these four: the name of a JSON file of the run
    CONFUSION_MATRIX = "confusion_matrix"
    PREDICTIONS = "predictions"
    RESIDUALS = "residuals"


TICK = timedelta(milliseconds=2)
"""Times of points are multiples of it; a tracker may use the times between for its own marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord:
    """An experiment as the tracker stores it."""

    id: str
    name: str
    created: datetime
    archived: datetime | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentChange:
    """A change to an experiment; what is not given stays as it is.

    A tag that is both set and removed is removed.
    """

    name: str | None = None
    archived: bool | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run to be created.

    ``run_id`` is an id that the caller requests, or None. ``writer`` is the process that will log
    most of the run's points (:class:`Point`), or None if that is not known yet. ``system`` holds
    amlflow's own notes, which are neither tags nor properties; a key is a short identifier.

    A run without a name, or with an empty one, gets a name that the tracker chooses, or none. A
    parent and a root are stored as they are: they may belong to another experiment, and need not
    exist. Runs of two experiments may request the same id. A run whose status is final is created
    with ``created`` as its end; unless its status is one of :data:`UNSTARTED`, ``created`` is also
    its start.
    """

    experiment_id: str
    run_id: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    name: str | None = None
    type: str | None = None
    status: str = Status.RUNNING
    created: datetime
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as the tracker stores it.

    ``id`` is the tracker's id; every method takes it. ``alias`` is the id that the caller
    requested; users see it instead of ``id``. ``root_id`` is the run's own id if it has no parent,
    and None if another client nested the run without naming a root. ``system`` is as in
    :class:`RunDraft`. ``params`` are the parameters that other clients of the tracker have logged
    to the run, under their own names; no property is among them.

    ``metrics``, ``metrics_min``, ``metrics_max`` and ``metrics_first`` are numbers that the run has
    logged, by the metric's name: the last, the smallest, the largest and the first. They may be
    missing unless :attr:`RunQuery.fields` names them. The last number is that of the highest
    position, and of these the one that was logged last. A list counts as its numbers at the
    positions 0, 1 and so on; a column of a row or table is the metric ``NAME.COLUMN``. A NaN is
    neither the smallest nor the largest.

    ``deleted`` tells that the run was deleted by itself (``delete_run``); searches do not find it.
    """

    id: str
    alias: str | None = None
    experiment_id: str
    parent_id: str | None = None
    root_id: str | None = None
    name: str | None = None
    type: str | None = None
    status: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    user: str | None = None
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_min: Mapping[str, float] = field(default_factory=dict)
    metrics_max: Mapping[str, float] = field(default_factory=dict)
    metrics_first: Mapping[str, float] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """A change to a run; what is not given stays as it is.

    Properties can be added but not changed: if a key already has another value, even if another
    process adds it at the same time, the whole change is a :class:`PropertyConflict`. Adding the
    same value again is accepted. ``status`` is applied last, so that a reader who sees it also sees
    the rest. A tag that is both set and removed is removed. :func:`transition` has all rules.
    """

    status: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One logging call: a value of a metric of a run.

    ``writer`` is the process that logged the point; ``order`` counts the points of this writer,
    name and run, from 0. ``position`` (the step, or ``order`` without a step), writer, name and
    time identify the point: a tracker stores it once, however often it is sent. For one writer and
    name, (time, position) increases from call to call.

    A step is a whole number of 64 bits with sign; a tracker may refuse another one. A tracker need
    not return a point's writer; if it cannot tell whether a step was given, it may return the
    position as ``step``.
    """

    name: str
    value: Any
    kind: Kind = Kind.SCALAR
    step: int | None = None
    order: int
    time: datetime
    writer: str

    @property
    def position(self) -> int:
        return self.order if self.step is None else self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraft:
    """A version of a model to be registered.

    Its content is a file or folder that the run ``run_id`` has under the name ``path``; or, if
    ``run_id`` is None, the local ``files`` by their names, which are ``path`` or begin with it and
    ``/``. ``system`` holds amlflow's own notes, which are neither tags nor properties; a key is a
    short identifier.
    """

    name: str
    path: str
    run_id: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A version of a model as the tracker stores it.

    ``run_id`` is the tracker's id of the run that has the content, or None if local files were
    registered. ``system`` is as in :class:`ModelDraft`.
    """

    name: str
    version: int
    run_id: str | None = None
    created: datetime
    user: str | None = None
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)

    def changed(self, change: ModelChange) -> ModelRecord:
        """The record after a change, if nobody else changes the version.

        Raises :class:`PropertyConflict`.
        """
        for key, value in change.properties.items():
            if self.properties.get(key, value) != value:
                raise PropertyConflict(key, self.properties[key], value)
        tags = {**self.tags, **change.tags}
        return replace(
            self,
            description=self.description if change.description is None else change.description,
            tags={key: tags[key] for key in tags if key not in change.tags_removed},
            properties={**self.properties, **change.properties},
            system={**self.system, **change.system},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A change to a version of a model; what is not given stays as it is.

    Properties can be added but not changed: if a key already has another value, even if another
    process adds it at the same time, the whole change is a :class:`PropertyConflict`. Adding the
    same value again is accepted. A tag that is both set and removed is removed.
    """

    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInput:
    """A data set that a run reads: its id, and its name and version if it is registered.

    ``input_name`` is what the run calls it, ``mode`` how it gets it (``direct``, ``mount`` or
    ``download``), ``kind`` is ``tabular`` or ``file``, and ``sources`` are the first of its paths.
    """

    id: str
    name: str | None = None
    version: int | None = None
    input_name: str
    mode: str
    kind: str
    sources: Sequence[str] = ()
