"""Checks v1's arguments: texts, names and filters.

If an argument is in the wrong place, the message shows the right call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from amlflow.exceptions import UserErrorException
from amlflow.spec import Condition, Op

MAX_SHOWN = 80
"""How many characters of a value a message shows."""
_EXPERIMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,255}")


class InvalidValueError(UserErrorException, ValueError):
    """An argument has a wrong value. v1 raises a ValueError for it, which code may catch."""


def check_text(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless the value is a text that is not empty.

    ``what`` names the argument in the message, and ``right`` is the right call.
    """
    if not isinstance(value, str):
        refuse_argument(value, f"{what} is a text", right)
    if not value:
        refuse_argument(value, f"{what} is not empty", right)


def check_path(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless the value is a path. See :func:`check_text`."""
    if not isinstance(value, (str, os.PathLike)):
        refuse_argument(value, f"{what} is a path", right)


def check_list(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless the value is a list or another collection.

    A text is not a collection here. The other arguments are those of :func:`check_text`.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        refuse_argument(value, f"{what} is a list", right)


def check_class(value: Any, kinds: type | tuple[type, ...], what: str, right: str) -> None:
    """Raise UserErrorException unless the value is an object of one of the classes.

    ``what`` begins the message, and ``right`` is the right call.
    """
    if not isinstance(value, kinds):
        refuse_argument(value, what, right)


def refuse_argument(value: Any, what: str, right: str) -> NoReturn:
    """Raise UserErrorException: it says what the argument must be and is, and the right call."""
    text = " ".join(repr(value).split())
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    raise UserErrorException(
        f"{what}, and got the {type(value).__name__} {text}. The call is {right}."
    )


def shorten(value: Any) -> str:
    """Return a value as a message shows it. For a long value, this is only the beginning."""
    text = repr(value)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}… ({len(str(value))} characters)"


def check_experiment_name(name: Any) -> None:
    """Raise UserErrorException unless this is a valid name of an experiment."""
    if not (isinstance(name, str) and _EXPERIMENT_NAME.fullmatch(name)):
        raise UserErrorException(
            f"{shorten(name)} is not a name for an experiment: it is 1-255 letters, digits, '_' "
            "and '-', and starts with a letter or a digit."
        )


def check_run_id(run_id: Any) -> None:
    """Raise UserErrorException unless a run can have this id."""
    if not (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
        raise UserErrorException(
            f"{shorten(run_id)} is not an id for a run: it is 1-256 letters, digits, '_', '-' "
            "and '.', and starts with a letter or a digit."
        )


def to_tag_keys(keys: Any, right: str) -> list[str]:
    """Return the keys of tags to remove. A single text is one key."""
    if isinstance(keys, str):
        return [keys]
    check_list(keys, "The keys of tags to remove", right)
    texts = list(keys)
    for key in texts:
        check_text(key, "A tag's key", right)
    return texts


def to_texts(values: Mapping[str, Any], call: str) -> dict[str, str | None]:
    """Convert keys and values to texts. None stays None. ``call`` begins the messages.

    Raises:
        UserErrorException: ``values`` is not a dict, or a key is not a text or is empty.
    """
    if not isinstance(values, Mapping):
        raise UserErrorException(
            f"{call} takes a dict of keys and values, and got a {type(values).__name__}."
        )
    for key in values:
        if not isinstance(key, str) or not key:
            raise UserErrorException(f"{call}: a key is a text that is not empty, not {key!r}.")
    return {key: None if value is None else str(value) for key, value in values.items()}


def to_conditions(
    type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None
) -> list[Condition]:
    """Convert v1's filter arguments to conditions on runs.

    ``tags`` and ``properties`` are each a dict or a text. With a dict, a run must have each of its
    entries. The value None means any value. With a text, a run must have this key.

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
    return [*conditions, *_to_keyed("tags", tags), *_to_keyed("properties", properties)]


def _to_keyed(field: str, selection: Any) -> list[Condition]:
    if selection is None:
        return []
    if isinstance(selection, str):
        return [Condition(field, Op.HAS, key=selection)]
    if not isinstance(selection, Mapping):
        raise UserErrorException(
            f"{field} is a dict of keys and values, or the text of a key, and not a "
            f"{type(selection).__name__}."
        )
    return [
        Condition(field, Op.HAS, key=str(key))
        if value is None
        else Condition(field, Op.EQ, str(value), key=str(key))
        for key, value in selection.items()
    ]
