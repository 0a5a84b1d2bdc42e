"""JSON that every parser reads, of whatever a command, a route or a metric holds.

Python's own writes ``NaN`` and halves of surrogate pairs, which JSON does not have, and refuses
datetimes and numpy's values.
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from typing import Any

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
MAX_NUMBER = 2**1023
"""Whole numbers from here on are texts: parsers that read numbers as doubles refuse them."""


def to_json(value: Any, indent: int | None = None) -> str:
    """The value as JSON; see :func:`plain` for what becomes of it."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """The value in JSON's own types: None, bool, int, float, str, list and dict.

    What is not finite becomes the text ``NaN``, ``Infinity`` or ``-Infinity``, as in Protocol
    Buffers' JSON, since null would be taken for a value that was not logged. Times become texts in
    ISO 8601, numpy's values those of Python, half a surrogate pair U+FFFD, and what JSON has no
    type for its ``str()``.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return _HALF_A_PAIR.sub(_REPLACEMENT, str.__str__(value))
    if isinstance(value, numbers.Integral):
        return _plain_whole(int(value))
    if isinstance(value, numbers.Real):
        return _plain_float(float(value))
    if isinstance(value, Mapping):
        return {_plain_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name)) for name in names}
    to_list = getattr(value, "tolist", None)
    if callable(to_list):  # numpy, pandas, torch and others, without importing them
        return plain(to_list())
    if isinstance(value, Iterable) and not hasattr(value, "__fspath__"):
        return [plain(item) for item in value]
    return plain(str(value))


def _plain_whole(value: int) -> int | str:
    if abs(value) < MAX_NUMBER:
        return value
    try:
        return str(value)
    except ValueError:  # Python spells no more than so many digits in decimal
        return hex(value)


def _plain_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _plain_key(key: Any) -> str:
    """As JSON spells what is not text: ``null``, ``true``, ``1``."""
    plain_key = plain(key)
    if isinstance(plain_key, str):
        return plain_key
    return json.dumps(plain_key)
