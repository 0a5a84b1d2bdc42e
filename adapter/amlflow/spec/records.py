"""What a tracker is given and gives back: experiments, runs, points, models."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from amlflow.spec.status import Status


class Kind(str, enum.Enum):
    """What sort of metric a point is, in v1's words; it decides the shape of ``Point.value``."""

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
"""Times of points are whole ticks, which leaves a tracker room to tell its own marks apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord:
    """An experiment as the tracker has it."""

    id: str
    name: str
    created: datetime
    archived: datetime | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentChange:
    """What to change in an experiment; what is left out stays.

    A tag that is both set and removed is removed.
    """

    name: str | None = None
    archived: bool | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run to be made.

    ``run_id`` is an id that the caller asks for, or None. ``writer`` names the process that will
    log most to the run (:class:`Point`), or None where that is not known yet. ``system`` holds
    amlflow's own notes, which users see in other forms; a key is a short identifier.
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
    """A run as the tracker has it.

    ``id`` is the tracker's id, which every call takes. ``alias`` is the id that the caller asked
    for, which is what users see then. ``root_id`` is the run's own id where it has no parent, and
    None where another client nested it and noted no root. ``system`` is as in :class:`RunDraft`.
    ``params`` are the parameters that other clients of the tracker have logged to the run, by their
    own names; no property is among them.
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

    def changed(self, change: RunChange) -> RunRecord:
        """The record as a change leaves it, where nobody else changes the run."""
        stated: dict[str, Any] = {
            name: getattr(change, name)
            for name in ("status", "started", "ended", "name", "description")
            if getattr(change, name) is not None
        }
        if change.status == Status.RUNNING:
            stated["ended"] = None
        tags = {**self.tags, **change.tags}
        return replace(
            self,
            tags={key: tags[key] for key in tags if key not in change.tags_removed},
            properties={**self.properties, **change.properties},
            system={**self.system, **change.system},
            **stated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What to change in a run; what is left out stays.

    Properties are added, never changed: a key that exists with another value, in any race, makes
    the whole change a :class:`PropertyConflict`. The same value again is accepted. ``status`` comes
    last, so whoever sees it sees the rest. A final status also sets the end, unless ``ended`` does.
    A tag that is both set and removed is removed.
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
    """One logging call: a metric of a run.

    ``writer`` is the process that logged it; ``order`` counts that writer's points of this name in
    this run, from 0. ``position`` (the step, or else the order) together with writer, name and time
    is the point's identity: a tracker stores it once, however often it is sent. Within a writer and
    name, (time, position) grows from call to call.

    A tracker need not give back who wrote a point, and where it cannot tell whether a step was
    given, ``step`` may come back as the position.
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
class ModelRecord:
    """A version of a registered model."""

    name: str
    version: int
    run_id: str | None
    created: datetime
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
