"""Checks values of the command line. Wrong usage is exit code 2, and a missing path is 3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from amlflow.cli.errors import MISSES, Missing
from amlflow.exceptions import AzureMLException, WrongUsage

Number = TypeVar("Number", int, float)


def parse_tag(flag: str, text: str) -> tuple[str, str | None]:
    """Parse ``key=value``, or a key alone. Raises :class:`WrongUsage`."""
    key, equals, value = text.partition("=")
    if not key:
        raise WrongUsage(f"{flag} needs key=value or a key, but {text!r} has no key.")
    return key, value if equals else None


def parse_pair(flag: str, text: str) -> tuple[str, str]:
    """Parse ``key=value``. Raises :class:`WrongUsage`."""
    key, value = parse_tag(flag, text)
    if value is None:
        raise WrongUsage(f"{flag} needs key=value, but {text!r} has no '='.")
    return key, value


def parse_count(flag: str, text: str, what: str) -> int:
    """Parse a whole number of 1 or more. Raises :class:`WrongUsage`."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise WrongUsage(f"{flag} needs a number of {what}, 1 or more, but got {text!r}.")


def parse_number(
    flag: str, text: str | None, number: Callable[[str], Number], unit: str | None = None
) -> Number | None:
    """Parse a number. Returns None without the flag. Raises :class:`WrongUsage`."""
    try:
        return None if text is None else number(text)
    except ValueError:
        kind = "a whole number" if number is int else "a number"
        of_unit = f" of {unit}" if unit else ""
        raise WrongUsage(f"{flag} needs {kind}{of_unit}, but got {text!r}.") from None


def require_file(flag: str, path: str, what: str) -> None:
    """Raise :class:`Missing` unless a path is a file."""
    if not Path(path).is_file():
        raise Missing(f"{flag}: {path!r} is not a file. It must be {what}.")


def require_folder(flag: str, path: str, what: str) -> None:
    """Raise :class:`Missing` unless a path is a folder."""
    if not Path(path).is_dir():
        raise Missing(f"{flag}: {path!r} is not a folder. It must be {what}.")


def require_path(flag: str, path: str, what: str) -> None:
    """Raise :class:`Missing` unless there is a file or folder at a path."""
    if not Path(path).exists():
        raise Missing(f"{flag}: {path!r} does not exist. It must be {what}.")


@contextmanager
def checking_values() -> Iterator[None]:
    """Turn an error about a value into wrong usage. An error about a missing thing is kept."""
    try:
        yield
    except MISSES:
        raise
    except AzureMLException as error:
        raise WrongUsage(error.message) from error
