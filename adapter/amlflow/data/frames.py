"""Reads a data set's rows into a pandas data frame, and applies the data set's steps to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from amlflow.data.chosen_files import draw
from amlflow.data.definition import Definition
from amlflow.data.expressions import evaluate
from amlflow.data.first_rows import read_needed
from amlflow.data.inference import set_types
from amlflow.data.storage import DataFile
from amlflow.data.tables import column_names
from amlflow.exceptions import UserErrorException

if TYPE_CHECKING:
    import pandas as pd


def to_frame(definition: Definition, files: Sequence[DataFile]) -> pd.DataFrame:
    """Return the rows of a tabular data set as a pandas data frame.

    Raises:
        DatasetExecutionError: a file cannot be read.
        UserErrorException: a column that a step names does not exist.
    """
    if definition.format == "delimited":
        frame = read_needed(definition, files).to_pandas(self_destruct=True)
    else:
        frame = _to_frame_with_stored_types(definition, files)
    for name, *values in definition.steps:
        frame = FRAME_STEPS[name](frame, *values)
    return frame.reset_index(drop=True) if definition.steps else frame


def _to_frame_with_stored_types(definition: Definition, files: Sequence[DataFile]) -> pd.DataFrame:
    types = definition.options.get("column_types", {})

    def read(has_nanoseconds: bool) -> pd.DataFrame:
        table = set_types(read_needed(definition, files), types)
        return table.to_pandas(self_destruct=True, coerce_temporal_nanoseconds=has_nanoseconds)

    try:
        return read(has_nanoseconds=True)  # as in v1
    except pa.ArrowInvalid:  # a time is out of their range
        return read(has_nanoseconds=False)


def _take(frame: Any, count: int) -> Any:
    return frame.iloc[:count]


def _skip(frame: Any, count: int) -> Any:
    return frame.iloc[count:]


def _sample(frame: Any, probability: float, seed: int) -> Any:
    return frame[draw(len(frame), probability, seed)]


def _split(frame: Any, percentage: float, seed: int, is_first: bool) -> Any:
    chosen = draw(len(frame), percentage, seed)
    return frame[chosen if is_first else ~chosen]


def _keep(frame: Any, columns: Sequence[str]) -> Any:
    _check_columns(frame.columns, columns)
    return frame[list(columns)]


def _drop(frame: Any, columns: Sequence[str]) -> Any:
    return frame.drop(columns=list(columns), errors="ignore")  # as in v1


def _filter(frame: Any, expression: Sequence[Any]) -> Any:
    return frame[evaluate(expression, frame, _check_columns)]


def _time(frame: Any, column: str, start: str | None, end: str | None, inclusive: bool) -> Any:
    import pandas as pd  # the table has loaded it already

    _check_columns(frame.columns, [column])
    try:
        times = pd.to_datetime(frame[column], utc=True).dt.tz_convert(None)
        chosen = times.notna()
        if start is not None:
            chosen &= times >= pd.Timestamp(start) if inclusive else times > pd.Timestamp(start)
        if end is not None:
            chosen &= times <= pd.Timestamp(end) if inclusive else times < pd.Timestamp(end)
    except (TypeError, ValueError) as error:
        raise UserErrorException(
            f"The timestamp column {column!r} cannot be compared with {start or end!r}: {error}."
        ) from None
    return frame[chosen]


def check_column(definition: Definition, files: Sequence[DataFile], column: str) -> None:
    """Check that a column exists, without reading the rows.

    Raises:
        DatasetExecutionError: a file cannot be read.
        UserErrorException: the column does not exist.
    """
    names: Sequence[str] = column_names(definition, files)
    for step, *values in definition.steps:
        if step == "keep_columns":
            names = values[0]
        elif step == "drop_columns":
            names = [name for name in names if name not in values[0]]
    _check_columns(names, [column])


def _check_columns(existing: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in existing]
    if missing:
        raise UserErrorException(
            f"The data set has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, list(existing)[:50]))}."
        )


FRAME_STEPS: Mapping[str, Callable[..., Any]] = {
    "take": _take,
    "skip": _skip,
    "sample": _sample,
    "split": _split,
    "keep_columns": _keep,
    "drop_columns": _drop,
    "filter": _filter,
    "time": _time,
}
