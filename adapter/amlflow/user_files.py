"""Reads files that a user has written, or somebody whose repository the user has cloned.

Such a file can have any content, and can be a link to something else.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound

MAX_BYTES = 1 << 20
"""How many bytes a file of settings has at most. To parse as many takes seconds."""
MAX_VALUES = 100_000
"""The most values in such a file. A value that is named again (``*name`` in YAML) counts again."""


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Read a whole file, which has so many bytes at most.

    Raises:
        PathNotFound: the file does not exist. It is a FileNotFoundError, as in v1.
        UserErrorException: it is a folder, a device or a socket, is larger, or cannot be read.
    """
    try:
        mode = path.stat().st_mode  # first, as to open a device can have an effect
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise UserErrorException(f"{path} is not a file.")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError as error:
        raise PathNotFound(f"{path} does not exist.") from error
    except OSError as error:
        raise UserErrorException(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > most:
        raise UserErrorException(f"{path} is too large: it has more than {most} bytes.")
    return content


def read_text(path: Path) -> str:
    """Read a file in UTF-8. A mark of the byte order is left out.

    Raises:
        PathNotFound: the file does not exist. It is a FileNotFoundError, as in v1.
        UserErrorException: it cannot be read, as in :func:`read_bytes`, or is not UTF-8.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserErrorException(
            f"{path} is not text in UTF-8: {error.reason} at byte {error.start}. Save it as UTF-8."
        ) from error


def parse_yaml(text: str, path: str | os.PathLike[str]) -> Any:
    """Parse the content of a YAML file. ``path`` is for messages.

    Raises:
        UserErrorException: it is not YAML, has too many values, or a text that is not Unicode.
    """
    import yaml  # takes long to import, and few scripts read such a file

    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            # First, as PyYAML before 6.0.4 copies a mapping each time that ``<<`` names it.
            _check(node, path)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError:
        raise UserErrorException(f"{path} is not YAML that can be read: {_DEEP}.") from None
    # PyYAML lets each error of a conversion pass, for example of the date 2020-13-45.
    except (
        yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError
    ) as error:  # fmt: skip
        raise UserErrorException(f"{path} is not YAML: {error}") from None


def parse_json(text: str, path: str | os.PathLike[str]) -> Any:
    """Parse the content of a JSON file. ``path`` is for messages.

    Raises:
        UserErrorException: it is not JSON, has too many values, or a text that is not Unicode.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserErrorException(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except ValueError as error:  # such as a number of 5,000 digits
        raise UserErrorException(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise UserErrorException(f"{path} is not JSON that can be read: {_DEEP}.") from None
    _check(content, path)
    return content


_DEEP = "it has too many values within each other"


def _check(content: Any, path: str | os.PathLike[str]) -> None:
    """Check the values of JSON, or the nodes of YAML, of which values are made."""
    try:
        count = _count_values(content, {})
    except RecursionError:
        raise UserErrorException(f"{path} has too many values within each other.") from None
    except UnicodeEncodeError:
        raise UserErrorException(
            f"{path} has a text with a half of a surrogate pair, which no file can contain."
        ) from None
    if count > MAX_VALUES:
        raise UserErrorException(
            f"{path} has more than {MAX_VALUES} values, or a value that contains itself."
        )


def _count_values(value: Any, counts: dict[int, int]) -> int:
    """Count the values in a value, without walking twice through what is named twice.

    A value that contains itself has more than :data:`MAX_VALUES`. Raises UnicodeEncodeError.
    """
    content = getattr(value, "value", value)  # that of a node
    if isinstance(content, str):
        content.encode()
    if not isinstance(content, (dict, list)):
        return 1
    if id(value) not in counts:
        counts[id(value)] = MAX_VALUES + 1  # as long as its parts are counted
        counts[id(value)] = 1 + sum(_count_values(part, counts) for part in _parts_of(content))
    return counts[id(value)]


def _parts_of(content: dict[Any, Any] | list[Any]) -> list[Any]:
    if isinstance(content, dict):
        return [*content, *content.values()]
    # The node of a mapping has pairs of nodes.
    return [part for each in content for part in (each if isinstance(each, tuple) else [each])]
