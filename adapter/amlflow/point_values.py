"""Values of metrics as JSON that every parser reads.

JSON has no NaN and no infinities, and Python's own spelling of them is refused by other parsers and
by databases. They are spelled ``{"float": "NaN"}``, ``{"float": "Infinity"}`` and
``{"float": "-Infinity"}``: the type and a text. A cell of a metric is never an object, so these
cannot be taken for another value.

The first release wrote them bare (``NaN``); :func:`amlflow.tracker_data.to_metrics_json` reads
both, and :func:`from_plain` leaves what is bare as it is.
"""

from __future__ import annotations

import math
from typing import Any

from amlflow.spec import Kind

_FLOAT = "float"
_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_plain(kind: str, value: Any) -> Any:
    """A value of a kind of metric without NaN and infinities."""
    return _map_cells(kind, value, _spell)


def from_plain(kind: str, value: Any) -> Any:
    """The value that :func:`to_plain` spelled; another is as it is, whatever it may be."""
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
