"""The columns of a table that come from the paths of its files."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

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
    path = "/" + posixpath.join("", file.path.lstrip("/"))
    parts = _split(pattern)
    ends = _match(parts, path)
    if ends is None:
        raise DatasetExecutionError(
            f"The path of {file.address!r} is not of the form partition_format={pattern!r}."
        )
    try:
        return {
            part.name: part.read(path[start:end])
            for part, start, end in zip(parts, ends, ends[1:], strict=False)
            if part.name
        }
    except (ValueError, re.error):  # strptime raises both for a form that is not one
        raise DatasetExecutionError(
            f"The path of {file.address!r} has no time as partition_format={pattern!r} says it."
        ) from None


class _Part(NamedTuple):
    """A part of a ``partition_format``: a text, or a name with the form of its time."""

    text: re.Pattern[str]
    name: str = ""
    form: str = ""

    def ends(self, path: str, start: int) -> Iterable[int]:
        """Return where the part may end that begins at a place of a path, the longest first."""
        match = self.text.match(path, start)
        if match is None:
            return ()
        # A name without a form may be shorter, too.
        return range(match.end(), start, -1) if self.name and not self.form else (match.end(),)

    def read(self, text: str) -> Any:
        """Return the value. Raises ValueError or re.error."""
        return datetime.strptime(text, self.form) if self.form else text


@functools.lru_cache(maxsize=16)
def _split(pattern: str) -> list[_Part]:
    parts: list[_Part] = []
    for text, name, form in re.findall(r"([^{]*)(?:\{(\w+)(?::([^}]*))?\})?", pattern):
        parts += [_Part(re.compile(re.escape(text)))] if text else []
        if name and form:
            spelled = re.sub("yyyy|MM|dd|HH|mm|ss", lambda match: _DATE_PARTS[match[0]], form)
            digits = re.sub("yyyy", r"\\d{4}", re.escape(form))
            digits = re.sub("MM|dd|HH|mm|ss", r"\\d{2}", digits)
            parts.append(_Part(re.compile(digits), name, spelled))
        elif name:
            parts.append(_Part(re.compile("[^/]+"), name))
    return parts


def _match(parts: Sequence[_Part], path: str) -> list[int] | None:
    """Return where each part begins, and the end of the path; None if it does not match.

    One regular expression would try every way to divide a path among the names. Here, no place is
    tried twice for the same part.
    """
    failed: set[tuple[int, int]] = set()

    def match_from(index: int, start: int) -> list[int] | None:
        if index == len(parts):
            return [start] if start == len(path) else None
        if (index, start) not in failed:
            for end in parts[index].ends(path, start):
                rest = match_from(index + 1, end)
                if rest is not None:
                    return [start, *rest]
            failed.add((index, start))
        return None

    found = (match_from(0, start) for start in range(len(path) + 1))
    return next((ends for ends in found if ends is not None), None)
