"""v1's arguments checked: one that is in the wrong place is named, with the right call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NoReturn

from amlflow.exceptions import UserErrorException

MAX_SHOWN = 80
"""Characters of a value that a message shows."""


def check_text(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless it is a text that is not empty; ``right`` is the call."""
    if not isinstance(value, str) or not value:
        refuse_argument(value, f"{what} is a text", right)


def check_path(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless it is a path."""
    if not isinstance(value, (str, os.PathLike)):
        refuse_argument(value, f"{what} is a path", right)


def check_list(value: Any, what: str, right: str) -> None:
    """Raise UserErrorException unless it is a list, or another collection, and not one text."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        refuse_argument(value, f"{what} is a list", right)


def check_class(value: Any, kinds: type | tuple[type, ...], what: str, right: str) -> None:
    """Raise UserErrorException unless it is an object of a class."""
    if not isinstance(value, kinds):
        refuse_argument(value, what, right)


def refuse_argument(value: Any, what: str, right: str) -> NoReturn:
    """Say what the argument is to be, what it is, and the right call."""
    text = " ".join(repr(value).split())
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    raise UserErrorException(
        f"{what}, and got the {type(value).__name__} {text}. The call is {right}."
    )
