"""The columns of a table that come from the paths of its files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from amlflow.data.definition import is_web
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.storage import DataFile

PATH = "Path"
"""v1's name for the column that ``include_path`` adds."""
_DATE_PARTS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def add_paths(
    table: pa.Table,
    tables: Sequence[pa.Table],
    files: Sequence[DataFile],
    options: Mapping[str, Any],
) -> pa.Table:
    """Return the table with the columns from each row's path. They come first, as in v1."""
    counts = [part.num_rows for part in tables]
    columns: dict[str, list[Any]] = {}
    if options.get("include_path"):
        columns[PATH] = [
            file.address if is_web(file.address) else f"/{file.name.lstrip('/')}" for file in files
        ]
    if pattern := options.get("partition_format"):
        for file in files:
            for name, value in parse_partition(pattern, file).items():
                columns.setdefault(name, []).append(value)
    for index, (name, values) in enumerate(columns.items()):
        cells = pa.array(
            [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
        )
        table = table.add_column(index, name, cells)
    return table


def parse_partition(pattern: str, file: DataFile) -> dict[str, Any]:
    """Return the values in a file's path, by the names in v1's ``partition_format``.

    Example of a format: ``/{Department}/{Date:yyyy}``.

    Raises:
        DatasetExecutionError: the path does not have this form.
    """
    formats: dict[str, str] = {}
    expression = ""
    for text, name, form in re.findall(r"([^{]*)(?:\{(\w+)(?::([^}]*))?\})?", pattern):
        expression += re.escape(text)
        if not name:
            continue
        if form:
            formats[name] = re.sub("yyyy|MM|dd|HH|mm|ss", lambda match: _DATE_PARTS[match[0]], form)
            part = re.sub("yyyy", r"\\d{4}", re.escape(form))
            part = re.sub("MM|dd|HH|mm|ss", r"\\d{2}", part)
        else:
            part = "[^/]+"
        expression += f"(?P<{name}>{part})"
    match = re.search(f"{expression}$", "/" + posixpath.join("", file.path.lstrip("/")))
    if match is None:
        raise DatasetExecutionError(
            f"The path of {file.address!r} is not of the form partition_format={pattern!r}."
        )
    try:
        return {
            name: datetime.strptime(text, formats[name]) if name in formats else text
            for name, text in match.groupdict().items()
        }
    except ValueError:
        raise DatasetExecutionError(
            f"The path of {file.address!r} has no time as partition_format={pattern!r} says it."
        ) from None
