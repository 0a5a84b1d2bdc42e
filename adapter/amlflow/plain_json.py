"""Writes JSON that every parser can read, for the results of commands and routes, and for metrics.

Python's own module writes ``NaN`` and halves of surrogate pairs, which JSON does not have. It
refuses datetimes and numpy's values.
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
"""Whole numbers of this size or more become texts, because parsers that read numbers as doubles
refuse them."""


def to_json(value: Any, indent: int | None = None) -> str:
    """Return the value as JSON. :func:`plain` describes how values are converted."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Convert a value to JSON's own types: None, bool, int, float, str, list and dict.

    A number that is not finite becomes the text ``NaN``, ``Infinity`` or ``-Infinity``, as in the
    JSON of Protocol Buffers, because null would look like a value that was not logged. Times become
    texts in ISO 8601. numpy's values become Python's. Half a surrogate pair becomes U+FFFD. Any
    other object becomes its ``str()``.
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
    except ValueError:  # Python limits the number of decimal digits
        return hex(value)


def _plain_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _plain_key(key: Any) -> str:
    """Convert a key to a text. Other types are spelled as in JSON: ``null``, ``true``, ``1``."""
    plain_key = plain(key)
    if isinstance(plain_key, str):
        return plain_key
    return json.dumps(plain_key)
