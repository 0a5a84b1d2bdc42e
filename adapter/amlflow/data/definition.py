"""The definition of a data set: the places of its files, the options to read them, and the steps.

A definition that comes from a tracker is input: :func:`parse_definition` accepts datastore paths
and web addresses only, so that no other user can choose files of this machine to be read.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from amlflow.data.expressions import check_form
from amlflow.exceptions import UserErrorException
from amlflow.tracker_data import Malformed, check_local_time, to_object

TABULAR, FILE = "tabular", "file"
MAX_DEFINITION = 8 << 20
"""The longest definition, in characters."""
MAX_SOURCES = 100_000
MAX_STEPS = 1000
MAX_PATH = 4096
"""The longest path or pattern, in characters."""
MAX_WILDCARDS = 4
"""The most signs ``*``, ``?`` and ``[`` in one part of a path."""
MAX_PARTITIONS = 32
"""The most names and signs ``*`` in a ``partition_format``. Each takes time for each path."""
_NAME_IN_BRACES = re.compile(r"\{(\w+)")
_NAMESPACE = uuid.UUID("6ad1a3a6-6c0c-5a4e-9f3d-61d1a0a4b0d5")
_SECRET = re.compile(r"(?i)(^|[-_])(sig|signature|token|key|secret|password|credential)s?$")
STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
ENCODINGS = {
    "utf8": "utf-8",
    "utf8bom": "utf-8-sig",
    "iso88591": "latin-1",
    "latin1": "latin-1",
    "ascii": "utf-8",  # v1 reads all of UTF-8
    "utf16": "utf-16",
    "utf32": "utf-32",
    "windows1252": "cp1252",
}
"""v1's names of encodings, and Python's."""
COLUMN_TYPES = frozenset({"string", "long", "float", "bool", "datetime"})
_VALUES: Mapping[str, frozenset[str]] = {
    "encoding": frozenset(ENCODINGS),
    "header": frozenset({
        "ALL_FILES_HAVE_SAME_HEADERS", "COMBINE_ALL_FILES_HEADERS", "NO_HEADERS",
        "ONLY_FIRST_FILE_HAS_HEADERS",
    }),
    "invalid_lines": frozenset({"drop", "error"}),
}  # fmt: skip
"""The allowed values of options that allow only a few."""


@dataclass(frozen=True, slots=True)
class Source:
    """A path or a pattern in a datastore. If ``store`` is None, a web address or a local path."""

    store: str | None
    path: str

    @property
    def is_web(self) -> bool:
        """Whether this is a web address."""
        return self.store is None and is_web(self.path)

    @property
    def is_local(self) -> bool:
        """Whether this is a path of this machine."""
        return self.store is None and not is_web(self.path)

    def __str__(self) -> str:
        return self.path if self.store is None else f"{self.store}/{self.path}"


def is_web(text: str) -> bool:
    """Whether a text is a web address."""
    return text.lower().startswith(("http://", "https://"))


_TEXT, _FLAG = (str,), (bool,)
OPTIONS: Mapping[str, tuple[type, ...]] = {
    "separator": _TEXT,
    "header": _TEXT,
    "encoding": _TEXT,
    "infer_column_types": _FLAG,
    "support_multi_line": _FLAG,
    "empty_as_string": _FLAG,
    "include_path": _FLAG,
    "partition_format": _TEXT,
    "invalid_lines": _TEXT,
    "column_types": (dict,),
    "timestamp": _TEXT,
    "partition_timestamp": _TEXT,
}
"""The options for reading files: for each option, the types that its value can have."""
FORMATS = frozenset({"delimited", "parquet", "json-lines", "files"})
STEPS: Mapping[str, tuple[tuple[type, ...], ...]] = {
    "take": ((int,),),
    "skip": ((int,),),
    "sample": ((int, float), (int,)),
    "split": ((int, float), (int,), (bool,)),
    "keep_columns": ((list,),),
    "drop_columns": ((list,),),
    "filter": ((list,),),
    "time": ((str,), (str, type(None)), (str, type(None)), (bool,)),
}
"""The steps, which choose a part of the data: for each step, the types of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A data set's files, format, options and steps."""

    kind: str
    sources: tuple[Source, ...]
    format: str = "files"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[tuple[Any, ...], ...] = ()

    def with_step(self, *step: Any) -> Definition:
        """Return the definition with one more step."""
        return replace(self, steps=(*self.steps, step))

    def with_options(self, **options: Any) -> Definition:
        """Return the definition with these options. The value None removes an option."""
        merged = {**self.options, **options}
        options = {key: value for key, value in merged.items() if value is not None}
        return replace(self, options=options)

    @property
    def id(self) -> str:
        """The data set's id. Equal definitions have the same id."""
        return str(uuid.uuid5(_NAMESPACE, self.to_json()))

    def to_json(self) -> str:
        """Return the definition as JSON. Equal definitions have the same text."""
        content = {
            "kind": self.kind,
            "format": self.format,
            "sources": [[source.store, source.path] for source in self.sources],
            "options": dict(self.options),
            "steps": [list(step) for step in self.steps],
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def check_for_tracker(definition: Definition) -> None:
    """Raise UserErrorException if a source has a credential, which a tracker must not store."""
    for source in definition.sources:
        if source.is_web and holds_secret(source.path):
            address = urlsplit(source.path)
            raise UserErrorException(
                f"The address {address.scheme}://{address.hostname}{address.path} has a credential "
                "in it, which everybody who may read the tracker would see. Use a datastore, whose "
                "credentials stay in your environment."
            )


def holds_secret(address: str) -> bool:
    """Whether a web address has a user, a password or a key in it."""
    parts = urlsplit(address)
    return "@" in parts.netloc or any(_SECRET.search(key) for key, _ in parse_qsl(parts.query))


def parse_definition(text: str) -> Definition:
    """Parse a definition that comes from a tracker. Raises :class:`Malformed`."""
    definition = _parse(text)
    if any(source.is_local for source in definition.sources):
        raise Malformed("a definition with datastore paths and web addresses only")
    return definition


def parse_own_definition(text: str) -> Definition:
    """Parse a definition that amlflow itself has written to a file of the user.

    Raises:
        Malformed: it is not a definition.
    """
    return _parse(text)


def _parse(text: str) -> Definition:
    content = to_object(text, MAX_DEFINITION)
    kind, format_ = content.get("kind"), content.get("format")
    sources, options, steps = (content.get(key) for key in ("sources", "options", "steps"))
    if kind not in (TABULAR, FILE) or format_ not in FORMATS:
        raise Malformed("a definition of a known kind and format")
    if not (isinstance(sources, list) and 0 < len(sources) <= MAX_SOURCES):
        raise Malformed(f"a definition with 1 to {MAX_SOURCES} sources")
    return Definition(
        kind=kind,
        format=format_,
        sources=tuple(map(_parse_source, sources)),
        options=_parse_options(options),
        steps=_parse_steps(steps),
    )


def _parse_source(pair: object) -> Source:
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str)):
        raise Malformed("a definition whose sources are pairs of a datastore and a path")
    store, path = pair
    if len(path) > MAX_PATH or any(_is_wild(part) for part in path.split("/")):
        raise Malformed(
            f"a definition whose paths have at most {MAX_PATH} characters, and {MAX_WILDCARDS} "
            "wildcards between two '/'"
        )
    if store is None and is_web(path):
        _check_address(path)
    if store is not None:
        if not isinstance(store, str) or not STORE_NAME.fullmatch(store):
            raise Malformed("a definition whose datastores have names")
        if ".." in path.split("/") or "\0" in path or "\\" in path:
            raise Malformed("a definition whose paths stay in their datastore")
    return Source(store, path)


def _is_wild(part: str) -> bool:
    # Matching tries every way to divide a name among the wildcards, so many of them take long.
    return sum(part.count(sign) for sign in "*?[") > MAX_WILDCARDS


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if not is_address or not address.isprintable():
        raise Malformed("a definition whose web addresses have a host")


def _parse_options(options: object) -> dict[str, Any]:
    if not isinstance(options, dict) or not all(
        key in OPTIONS and isinstance(value, OPTIONS[key]) for key, value in options.items()
    ):
        raise Malformed("a definition with known options")
    for key, values in _VALUES.items():
        if key in options and options[key] not in values:
            raise Malformed(f"a definition whose {key} is one of v1's")
    if len(options.get("separator", ",")) != 1:
        raise Malformed("a definition whose separator is one character")
    if not _is_partition_format(options.get("partition_format", "")):
        raise Malformed("a definition with a partition_format of v1's")
    types = options.get("column_types", {})
    if not all(map(_is_column_type, types.values())):
        raise Malformed("a definition whose column_types are v1's")
    return options


def _is_column_type(kind: object) -> bool:
    """Whether this is a column's type from :class:`amlflow.core.data.data_type.DataType`."""
    if not isinstance(kind, dict) or kind.get("type") not in COLUMN_TYPES:
        return False
    formats = kind.get("formats") or []
    return isinstance(formats, list) and all(isinstance(form, str) for form in formats)


def _is_partition_format(pattern: str) -> bool:
    """Whether each name in braces is valid, with text between two, and it is short."""
    are_names = all(name.isidentifier() for name in partition_names(pattern))
    return are_names and "}{" not in pattern and is_short(pattern)


def partition_names(pattern: str) -> list[str]:
    """Return the names of columns in a ``partition_format``, each once."""
    return list(dict.fromkeys(_NAME_IN_BRACES.findall(pattern)))


def is_short(pattern: str) -> bool:
    """Whether a ``partition_format`` takes little time for each path."""
    parts = len(_NAME_IN_BRACES.findall(pattern)) + pattern.count("*")
    return len(pattern) <= MAX_PATH and parts <= MAX_PARTITIONS


def _check_values(step: list[Any]) -> None:
    name, *values = step
    if name in ("take", "skip") and (isinstance(values[0], bool) or values[0] < 0):
        raise Malformed("a definition that takes or skips a number of rows")
    if name in ("sample", "split") and not (0 <= values[0] <= 1 and values[1] >= 0):
        raise Malformed("a definition whose shares are from 0 to 1")
    if name == "time":
        for text in values[1:3]:
            if text is not None:
                check_local_time(text)
    if name == "filter":
        try:
            check_form(values[0])
        except ValueError as error:
            raise Malformed(f"a definition with {error}") from None


def _parse_steps(steps: object) -> tuple[tuple[Any, ...], ...]:
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise Malformed(f"a definition with at most {MAX_STEPS} steps")
    for step in steps:
        is_step = isinstance(step, list) and bool(step) and isinstance(step[0], str)
        types = STEPS.get(step[0]) if is_step else None
        if types is None or len(types) != len(step) - 1:
            raise Malformed("a definition with known steps")
        if not all(map(isinstance, step[1:], types)):
            raise Malformed("a definition whose steps have values of their types")
        if step[0].endswith("_columns") and not all(isinstance(name, str) for name in step[1]):
            raise Malformed("a definition whose columns have names")
        _check_values(step)
    return tuple(tuple(step) for step in steps)
