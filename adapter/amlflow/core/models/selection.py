"""Finds the versions of models that match v1's arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amlflow.core.models.notes import FRAMEWORK
from amlflow.exceptions import UserErrorException, WebserviceException
from amlflow.layers.layer import Layer
from amlflow.spec import Condition, ModelNotFound, ModelRecord, Op, RunNotFound


def find_model(
    tracker: Layer,
    *,
    name: str | None = None,
    id: str | None = None,
    version: Any = None,
    tags: Any = None,
    properties: Any = None,
    run_id: str | None = None,
    framework: str | None = None,
) -> ModelRecord:
    """Find a version by its id, by name and version, or else the latest that matches the rest.

    Raises:
        ModelNotFound: no version matches.
        WebserviceException: neither a name nor an id is given.
    """
    if not id and not name:
        raise WebserviceException("Error, one of id or name must be provided.")
    selection = {
        "name": name, "id": id, "tags": tags, "properties": properties, "version": version,
        "run_id": run_id, "model_framework": framework,
    }  # fmt: skip
    description = ", ".join(f"{key} {value}" for key, value in selection.items() if value)
    missing = ModelNotFound(description)
    if id:
        name, _, version = str(id).rpartition(":")
    if version:  # as in v1, tags, properties, run and framework do not count then
        number = _to_version(version)
        if number is None:
            raise missing
        try:
            return tracker.get_model(str(name), number)
        except ModelNotFound:
            raise missing from None
    if id:
        raise missing
    models = find_models(
        tracker, name=name, tags=tags, properties=properties, run_id=run_id, framework=framework
    )
    # If two versions have the same time, the one with the higher number is the latest.
    latest = max(models, key=lambda model: model.version, default=None)
    if latest is None:
        raise missing
    return latest


def find_models(
    tracker: Layer,
    *,
    name: str | None = None,
    tags: Any = None,
    properties: Any = None,
    run_id: str | None = None,
    framework: str | None = None,
    latest: bool = False,
) -> Iterator[ModelRecord]:
    """Find the versions that match all arguments, newest first.

    ``latest`` leaves only the latest matching version of each model.

    Raises:
        UserErrorException: tags or properties are not a list of keys and pairs.
    """
    conditions = [*_to_keyed("tags", tags), *_to_keyed("properties", properties)]
    if name:
        conditions.append(Condition("name", Op.EQ, name))
    if framework:
        conditions.append(Condition("system", Op.EQ, framework, key=FRAMEWORK))
    if run_id:
        try:
            conditions.append(Condition("run_id", Op.EQ, tracker.get_run(run_id).id))
        except RunNotFound:
            return
    seen = set[str]()
    for model in tracker.find_models(conditions):
        if not latest or model.name not in seen:
            yield model
        seen.add(model.name)


def _to_keyed(field: str, selection: Any) -> list[Condition]:
    """Make conditions of v1's list of keys and of pairs ``[key, value]``."""
    if selection is None:
        return []
    conditions = []
    for item in [selection] if isinstance(selection, str) else selection:
        if isinstance(item, (list, tuple)) and len(item) == 2:
            conditions.append(Condition(field, Op.EQ, str(item[1]), key=str(item[0])))
        elif isinstance(item, str):
            conditions.append(Condition(field, Op.HAS, key=item))
        else:
            raise UserErrorException(
                f"{field} must be a list of keys and of pairs, such as ['key', ['key2', 'value']], "
                f"but has the item {item!r}."
            )
    return conditions


def _to_version(version: Any) -> int | None:
    """Return a version as a number; None if it is not a number, since no model has it then."""
    text = str(version)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
