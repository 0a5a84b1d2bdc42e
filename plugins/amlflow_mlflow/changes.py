"""Turns a change of a run into MLflow's params, tags and status. Imports nothing of MLflow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from amlflow.spec import FINAL, LAUNCHED, PropertyConflict, Refused, RunChange, Status

from amlflow_mlflow.records import DESCRIPTION, MLFLOW_STATUS, NAME, first_properties, to_ms
from amlflow_mlflow.spelling import (
    FIRST_PROPERTIES,
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
"""How many params and tags MLflow accepts in one call."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """The parts of a change, to be sent in this order: params and tags, removed tags, status.

    ``ended`` is sent with the status. Without a status, it is the new end of a run that has ended.

    With ``status_first``, the status is sent before the tags. This is for the end of a launched
    run: until its tags are there, an end that MLflow's own client has set in the script does not
    count.

    ``starts`` is whether the run begins. MLflow keeps the end of a run if its status is set again.
    So MLflow's answer shows whether another client has killed the run in the same moment. Then it
    is killed again, unless the database itself can be told to keep that status.
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
    """Turn a change into MLflow's terms. ``noted`` is whether the run has its status in a tag.

    Raises :class:`Refused` for values that MLflow would not keep.
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
    # A final status needs no tag. But the tag is set, for MLflow's page, if other tags are sent
    # anyway or if it says "Running" until now.
    if status is not None and (status not in FINAL or tags or noted):
        tags[STATUS] = status
    if status in FINAL:
        ended = to_ms(change.ended) if change.ended else int(time.time() * 1000)
    elif status is None and change.ended is not None:
        ended = to_ms(change.ended)
    # Other statuses are only in the tag. Setting MLflow's status could undo an end that another
    # client has just set.
    sets = status in FINAL or status == Status.RUNNING
    return Spelled(
        params=to_params(change.properties),
        tags=tags,
        removed=[to_key(key) for key in change.tags_removed],
        status=MLFLOW_STATUS[str(status)] if sets else None,
        ended=ended,
        starts=status == Status.RUNNING and change.started is not None,
        # For Canceled, MLflow's status alone counts, so the tag with the reason is set before it.
        status_first=status in FINAL
        and status != Status.CANCELED
        and LAUNCHED in change.system
        and not change.properties,
    )


def to_params(properties: Mapping[str, str]) -> dict[str, str]:
    """Turn properties into params, sorted, so that two transactions cannot block each other."""
    if len(properties) > PARAMS_AT_ONCE:
        raise Refused(
            f"{len(properties)} properties in one call: MLflow stores {PARAMS_AT_ONCE} at once and "
            "amlflow never stores a part of a call; add them in several calls."
        )
    return {
        to_key(key, PROPERTY): check_text(f"property {key!r}", properties[key], PARAM_LIMIT)
        for key in sorted(properties)
    }


def has_first_property(params: Mapping[str, str]) -> bool:
    """Whether one of the params is a property that may be a tag of the run."""
    return any(key.removeprefix(PROPERTY) in FIRST_PROPERTIES for key in params)


def check_conflict(
    params: Mapping[str, str], stored_params: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Raise PropertyConflict if the run has another value for one of the params.

    ``params`` was to be stored. The run has the params and tags that are given. This is needed
    because MLflow's own error has neither the key nor the values, and knows nothing of tags.
    """
    first = {f"{PROPERTY}{key}": value for key, value in first_properties(tags).items()}
    kept = {**first, **stored_params}
    for key, value in params.items():
        if kept.get(key, value) != value:
            raise PropertyConflict(from_key(key[len(PROPERTY) :]), kept[key], value) from None
