"""Converts values of metrics to values that every JSON parser can read, and back.

JSON has no NaN and no infinities. Python writes them all the same, but other parsers and databases
refuse them. amlflow writes ``{"float": "NaN"}``, ``{"float": "Infinity"}`` and
``{"float": "-Infinity"}`` instead. A cell of a metric is never an object, so these cannot be
confused with other values.

The first release wrote ``NaN`` itself. :func:`amlflow.tracker_data.to_metrics_json` reads both
forms, and :func:`from_plain` does not change the old form.
"""

from __future__ import annotations

import math
from typing import Any

from amlflow.spec import Kind

_FLOAT = "float"
_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_plain(kind: str, value: Any) -> Any:
    """Convert the value of a metric of a kind to a value without NaN and infinities."""
    return _map_cells(kind, value, _spell)


def from_plain(kind: str, value: Any) -> Any:
    """Convert a value from :func:`to_plain` back. Any other value is returned as it is."""
    return _map_cells(kind, value, _read)


def _map_cells(kind: str, value: Any, change: Any) -> Any:
    if kind == Kind.LIST and isinstance(value, list | tuple):
        return [change(cell) for cell in value]
    if kind == Kind.ROW and isinstance(value, dict):
        return {column: change(cell) for column, cell in value.items()}
    if kind == Kind.TABLE and isinstance(value, dict):
        return {
            column: [change(cell) for cell in cells] if isinstance(cells, list | tuple) else cells
            for column, cells in value.items()
        }
    return change(value) if kind == Kind.SCALAR else value


def _spell(cell: Any) -> Any:
    if not isinstance(cell, float) or math.isfinite(cell):
        return cell
    return {_FLOAT: "NaN" if math.isnan(cell) else "Infinity" if cell > 0 else "-Infinity"}


def _read(cell: Any) -> Any:
    if isinstance(cell, dict) and cell.keys() == {_FLOAT} and isinstance(cell[_FLOAT], str):
        return _TEXTS.get(cell[_FLOAT], cell)
    return cell
