"""v1's filter arguments (type, tags, properties, status) as the contract's conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.core.arguments import check_text
from amlflow.exceptions import UserErrorException
from amlflow.spec import Condition, Op


def from_arguments(
    type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None
) -> list[Condition]:
    """What runs must meet: every entry of a dict (None: has the key), or the key that a text names.

    Raises:
        UserErrorException: tags or properties are neither a dict nor a text.
    """
    conditions = []
    if type is not None:
        check_text(type, "A run's type", "experiment.get_runs(type=…, tags={…})")
        conditions.append(Condition("type", Op.EQ, type))
    if status is not None:
        check_text(status, "A run's status", "run.get_children(status='Completed')")
        conditions.append(Condition("status", Op.EQ, status))
    return [*conditions, *_keyed("tags", tags), *_keyed("properties", properties)]


def _keyed(field: str, wanted: Any) -> list[Condition]:
    if wanted is None:
        return []
    if isinstance(wanted, str):
        return [Condition(field, Op.HAS, key=wanted)]
    if not isinstance(wanted, Mapping):
        raise UserErrorException(
            f"{field} is a dict of keys and values, or the text of a key, and not a "
            f"{type(wanted).__name__}."
        )
    return [
        Condition(field, Op.HAS, key=str(key))
        if value is None
        else Condition(field, Op.EQ, str(value), key=str(key))
        for key, value in wanted.items()
    ]
