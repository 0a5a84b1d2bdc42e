"""The columns of a table that come from the paths of its files."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from amlflow.data.definition import Definition, is_web
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.inference import to_clock
from amlflow.data.storage import DataFile

PATH = "Path"
"""v1's name for the column that ``include_path`` adds."""
_ANY = re.compile("[^/]*")
_DATE_PARTS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def add_paths(
    table: pa.Table,
    tables: Sequence[pa.Table],
    files: Sequence[DataFile],
    definition: Definition,
) -> pa.Table:
    """Return the table with the columns from each row's path, in the order of v1.

    Raises:
        DatasetExecutionError: a path does not have the form of ``partition_format``, or the table
            has a column of one of its names.
    """
    options = definition.options
    columns: dict[str, list[Any]] = {}
    if options.get("include_path"):
        columns[PATH] = [
            file.address if is_web(file.address) else f"/{file.name.lstrip('/')}" for file in files
        ]
    if pattern := options.get("partition_format"):
        if PATH in columns and PATH in _names(pattern):
            raise DatasetExecutionError(
                f"partition_format={pattern!r} has the name {PATH!r}, which is that of the column "
                "of include_path. Give it another name there, or leave out include_path."
            )
        for file in files:
            for name, value in parse_partition(pattern, file).items():
                columns.setdefault(name, []).append(value)
    if not columns:
        return table
    taken = [name for name in columns if name in table.column_names]
    if taken:
        raise DatasetExecutionError(
            f"{files[0].address!r} has a column {taken[0]!r} already, which include_path or "
            "partition_format would add. Give it another name there, or leave it out."
        )
    counts = [part.num_rows for part in tables]
    content = dict(zip(table.column_names, table.columns, strict=True))
    for name, values in columns.items():
        cells = [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
        content[name] = to_clock(pa.chunked_array([cells]))
    names = with_path_columns(table.column_names, definition)
    return pa.table({name: content[name] for name in names}, metadata=table.schema.metadata)


def with_path_columns(names: Sequence[str], definition: Definition) -> list[str]:
    """Return the names of a table's columns with those that come from paths, in the order of v1."""
    options = definition.options
    path = [PATH] if options.get("include_path") else []
    added = _names(options.get("partition_format", ""))
    own = [*added, *names] if definition.format == "delimited" else [*names, *added]
    return [*path, *own]


def _names(pattern: str) -> list[str]:
    """Return the names in a ``partition_format``. Those of times come last, as in v1."""
    parts = sorted(_split(pattern), key=lambda part: part.form != "")
    return list(dict.fromkeys(part.name for part in parts if part.name))


def parse_partition(pattern: str, file: DataFile) -> dict[str, Any]:
    """Return the values in a file's path, by the names in v1's ``partition_format``.

    Example of a format: ``/{Department}/{Date:yyyy}/*.csv``. If the whole path does not have this
    form, the path of the file's folder may.

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
    values: dict[str, Any] = {}
    try:
        for part, start, end in zip(parts, ends, ends[1:], strict=False):
            if part.name:
                values.setdefault(part.name, part.read(path[start:end]))
        return values
    except (ValueError, re.error):  # strptime raises both for a form that is not one
        raise DatasetExecutionError(
            f"The path of {file.address!r} has no time as partition_format={pattern!r} says it."
        ) from None


class _Part(NamedTuple):
    """A part of a ``partition_format``: a text, ``*``, or a name with the form of its time."""

    text: re.Pattern[str]
    name: str = ""
    form: str = ""

    def ends(self, path: str, start: int) -> Iterable[int]:
        """Return where the part may end that begins at a place of a path, the longest first."""
        match = self.text.match(path, start)
        if match is None:
            return ()
        if self.text is _ANY:
            return range(match.end(), start - 1, -1)
        # A name without a form may be shorter, too.
        return range(match.end(), start, -1) if self.name and not self.form else (match.end(),)

    def read(self, text: str) -> Any:
        """Return the value. Raises ValueError or re.error."""
        return datetime.strptime(text, self.form) if self.form else text


@functools.lru_cache(maxsize=16)
def _split(pattern: str) -> list[_Part]:
    parts: list[_Part] = []
    for text, name, form in re.findall(r"([^{]*)(?:\{(\w+)(?::([^}]*))?\})?", pattern):
        for piece in re.findall(r"\*|[^*]+", text):
            parts.append(_Part(_ANY if piece == "*" else re.compile(re.escape(piece))))
        if name and form:
            spelled = re.sub("yyyy|MM|dd|HH|mm|ss", lambda match: _DATE_PARTS[match[0]], form)
            digits = re.sub("yyyy", r"\\d{4}", re.escape(form))
            digits = re.sub("MM|dd|HH|mm|ss", r"\\d{2}", digits)
            parts.append(_Part(re.compile(digits), name, spelled))
        elif name:
            parts.append(_Part(re.compile("[^/]+"), name))
    return parts


def _match(parts: Sequence[_Part], path: str) -> list[int] | None:
    """Return where each part begins, and where the last one ends; None if they do not match.

    They may leave out the file's name, if they do not match with it.
    """
    name = path.rindex("/") + 1
    return _match_to({len(path)}, parts, path) or _match_to({name - 1, name}, parts, path)


def _match_to(ends: Set[int], parts: Sequence[_Part], path: str) -> list[int] | None:
    """Do what :func:`_match` does. The last part ends at one of these places.

    One regular expression would try every way to divide a path among the names. Here, no place is
    tried twice for the same part.
    """
    failed: set[tuple[int, int]] = set()

    def match_from(index: int, start: int) -> list[int] | None:
        if index == len(parts):
            return [start] if start in ends else None
        if (index, start) not in failed:
            for end in parts[index].ends(path, start):
                rest = match_from(index + 1, end)
                if rest is not None:
                    return [start, *rest]
            failed.add((index, start))
        return None

    found = (match_from(0, start) for start in range(len(path) + 1))
    return next((places for places in found if places is not None), None)
