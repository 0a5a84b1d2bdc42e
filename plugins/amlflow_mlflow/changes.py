"""A change of a run as MLflow's params, tags and status. Imports nothing of MLflow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from amlflow.spec import FINAL, LAUNCHED, PropertyConflict, Refused, RunChange, Status

from amlflow_mlflow.records import DESCRIPTION, MLFLOW_STATUS, NAME, to_ms
from amlflow_mlflow.spelling import (
    NAME_LIMIT,
    PARAM_LIMIT,
    PROPERTY,
    STARTED,
    STATUS,
    SYSTEM,
    TAG_LIMIT,
    check_text,
    from_key,
    to_key,
    to_tag_value,
)

PARAMS_AT_ONCE = 100
TAGS_AT_ONCE = 100
"""What MLflow takes in one call."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """What to send: params and tags first, then the removed tags, then the status with its end.

    An end without a status is the new end of a run that has ended.

    ``status_first``: before the tags, which end a launched run: until they are there, what MLflow's
    own client said of its end within the script does not count.

    ``starts`` tells that a run begins. MLflow keeps the end of a run whose status is set again, so
    what it answers then shows whether another client has killed the run in the same moment; it is
    killed once more where the database itself cannot be asked to leave that.
    """

    params: dict[str, str]
    tags: dict[str, str]
    removed: list[str]
    status: str | None
    ended: int | None
    starts: bool
    status_first: bool


KILLED = "KILLED"


def spell(change: RunChange, *, noted: bool = False) -> Spelled:
    """A change in MLflow's terms; ``noted``: the run is known to have its status in a tag.

    Raises :class:`Refused` for what MLflow would not keep.
    """
    tags = {to_key(key): to_tag_value(key, value) for key, value in change.tags.items()}
    for key, value in change.system.items():
        tags[SYSTEM + key] = check_text(key, value, TAG_LIMIT)
    if change.name is not None:
        tags[NAME] = check_text("the name", change.name, NAME_LIMIT)
    if change.description is not None:
        tags[DESCRIPTION] = check_text("the description", change.description, TAG_LIMIT)
    if change.started is not None:
        tags[STARTED] = str(to_ms(change.started))
    status, ended = change.status, None
    # An end needs no tag; where tags are sent anyway, or one says "Running", MLflow's page is told.
    if status is not None and (status not in FINAL or tags or noted):
        tags[STATUS] = status
    if status in FINAL:
        ended = to_ms(change.ended) if change.ended else int(time.time() * 1000)
    elif status is None and change.ended is not None:
        ended = to_ms(change.ended)
    # The others are noted in a tag alone: setting MLflow's too could undo an end set meanwhile.
    sets = status in FINAL or status == Status.RUNNING
    return Spelled(
        params=to_params(change.properties),
        tags=tags,
        removed=[to_key(key) for key in change.tags_removed],
        status=MLFLOW_STATUS[str(status)] if sets else None,
        ended=ended,
        starts=status == Status.RUNNING and change.started is not None,
        # Of a killed one, MLflow's status alone counts, and the reason is to be there before.
        status_first=status in FINAL
        and status != Status.CANCELED
        and LAUNCHED in change.system
        and not change.properties,
    )


def to_params(properties: Mapping[str, str]) -> dict[str, str]:
    """Properties as params, in one order for all: two transactions never wait for each other."""
    if len(properties) > PARAMS_AT_ONCE:
        raise Refused(
            f"{len(properties)} properties in one call: MLflow stores {PARAMS_AT_ONCE} at once and "
            "amlflow never stores a part of a call; add them in several calls."
        )
    return {
        to_key(key, PROPERTY): check_text(f"property {key!r}", properties[key], PARAM_LIMIT)
        for key in sorted(properties)
    }


def check_conflict(params: Mapping[str, str], kept: Mapping[str, str]) -> None:
    """Raise the conflict if a run keeps another value of one of the params; MLflow names neither.

    ``params`` is what was to be stored, ``kept`` the run's params.
    """
    for key, value in params.items():
        if kept.get(key, value) != value:
            raise PropertyConflict(from_key(key[len(PROPERTY) :]), kept[key], value) from None
