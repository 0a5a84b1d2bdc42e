"""Compares values exactly: they are equal only if their types are equal, too."""

from __future__ import annotations

import math
import struct
from typing import Any

SCALARS = [
    0, 1, -1, 2**31, 2**53, 2**53 + 1, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.1, 1.0, -2.5,
    1e308, 5e-324, 1e-7, math.nan, math.inf, -math.inf, True, False, None, "", "text", "0.1",
    "nan", "None", "line\nbreak", "🙂", "x" * 20_000, " ", "\u200b",
]  # fmt: skip


def exactly(value: Any) -> Any:
    """Return a form of a value that equals another one only if the type is the same, too.

    The sign of zero counts, and NaN equals NaN.
    """
    if isinstance(value, dict):
        return {key: exactly(each) for key, each in value.items()}
    if isinstance(value, list):
        return [exactly(each) for each in value]
    if type(value) is float:
        return ("float", "nan" if math.isnan(value) else struct.pack("d", value))
    return (type(value).__name__, value)


def same(found: Any, expected: Any) -> None:
    """Fail unless two values are equal, with the same types in them."""
    assert exactly(found) == exactly(expected)
