"""Turns values into JSON. A value that JSON does not have becomes a dict with a tag.

Python 3.6 and amlflow's own Python both import this file.
"""

import base64
import builtins
import json
import os
import tempfile
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List

TAG = "$"
PLAIN = (type(None), bool, int, float, str)
_PARTS = (
    ("%Y-%m-%dT%H:%M:%S.%f", 26),
    ("%Y-%m-%dT%H:%M:%S", 19),
)


def encode(value: Any, encode_other: Callable[[Any], Any]) -> Any:
    """Turn a value into what JSON can hold. ``encode_other`` does so for less common types."""
    if isinstance(value, PLAIN):
        return value
    if type(value) is list:
        return [encode(item, encode_other) for item in value]
    if isinstance(value, dict):
        pairs = [
            [encode(key, encode_other), encode(item, encode_other)] for key, item in value.items()
        ]
        return {TAG: "dict", "value": pairs}
    for kind, name in ((tuple, "tuple"), (set, "set"), (frozenset, "set")):
        if type(value) is kind:
            return {TAG: name, "value": [encode(item, encode_other) for item in value]}
    if isinstance(value, bytes):
        return {TAG: "bytes", "value": base64.b64encode(value).decode()}
    if type(value) is datetime:
        return {TAG: "time", "value": value.isoformat()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, BaseException):
        arguments = [item if isinstance(item, PLAIN) else str(item) for item in value.args]
        return {TAG: "exception", "value": [type(value).__name__, arguments]}
    if hasattr(value, "dtypes") and hasattr(value, "columns"):
        return {TAG: "frame", "value": _columns(value)}
    if hasattr(value, "tolist"):  # an array or a scalar of numpy
        return encode(value.tolist(), encode_other)
    return encode_other(value)


def decode(value: Any, decode_other: Callable[[str, Dict[str, Any]], Any]) -> Any:
    """Undo :func:`encode`. ``decode_other`` decodes values with less common tags.

    Raises:
        ValueError: :func:`encode` does not make such a value.
    """
    if isinstance(value, list):
        return [decode(item, decode_other) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        tag = value[TAG]
        content: Any = value.get("value")
        if tag == "dict":
            return {decode(key, decode_other): decode(item, decode_other) for key, item in content}
        if tag in ("tuple", "set"):
            items = [decode(item, decode_other) for item in content]
            return tuple(items) if tag == "tuple" else set(items)
        if tag == "bytes":
            return base64.b64decode(content)
        if tag == "time":
            return _to_time(str(content))
        if tag == "exception":
            return _to_exception(*content)
        if tag == "frame":
            return _to_frame(content, decode_other)
        return decode_other(tag, value)
    except (LookupError, TypeError) as error:
        raise ValueError(f"A value of another release of amlflow: {error!r}.") from error


def _to_time(text: str) -> datetime:
    """Parse a time in the ISO format, as Python 3.6 has no function for that."""
    for form, length in _PARTS:
        try:
            time = datetime.strptime(text[:length], form)
        except ValueError:
            continue
        offset = text[length:]
        if not offset:
            return time
        hours, minutes = int(offset[:3]), int(offset[0] + offset[4:6])
        return time.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))
    raise ValueError(f"{text!r} is not a time.")


def _to_exception(name: str, arguments: List[Any]) -> BaseException:
    """Make an exception of this name, for a ``with`` block that ended with one."""
    kind = getattr(builtins, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = type(str(name), (Exception,), {})
    try:
        error: BaseException = kind(*arguments)
    except TypeError:  # such as UnicodeDecodeError, which needs arguments of other types
        return Exception(*arguments)
    return error


def _columns(frame: Any) -> List[Any]:
    columns = []
    for position in range(len(frame.columns)):
        column = frame.iloc[:, position]
        dtype = str(column.dtype)
        if dtype.startswith("datetime64"):
            items = [None if item != item else item.isoformat() for item in column]
        else:
            items = column.tolist()
        columns.append([str(frame.columns[position]), dtype, encode(items, _text_of)])
    return columns


def _text_of(value: Any) -> Any:
    """Turn a cell of a less common type into a text. pandas' NA and NaT become None."""
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


def _to_frame(columns: Any, decode_other: Callable[[str, Dict[str, Any]], Any]) -> Any:
    try:
        import pandas  # only needed for tables, and not every script has it
    except ImportError as error:
        raise ImportError(
            f"A table needs the package pandas, which cannot be imported here: {error}. Add pandas "
            "to the packages of this script's environment, below pip: in its conda file or in "
            "pip_packages."
        ) from error

    series = []
    for _, dtype, items in columns:
        cells = decode(items, decode_other)
        if dtype.startswith("datetime64"):
            series.append(pandas.to_datetime(pandas.Series(cells, dtype="object")))
        elif dtype in ("bool", "int64", "int32", "float64", "float32"):
            series.append(pandas.Series(cells, dtype=dtype))
        else:
            series.append(pandas.Series(cells, dtype="object"))
    frame = pandas.concat(series, axis=1) if series else pandas.DataFrame()
    frame.columns = [name for name, _, _ in columns]
    return frame


def to_line(content: Any) -> bytes:
    """Turn a request or an answer into the line that is sent: JSON."""
    return json.dumps(content).encode() + b"\n"


def parse_line(line: bytes) -> Any:
    """Undo :func:`to_line`. Raises ValueError."""
    return json.loads(line.decode())


def write_file(write: Callable[[Any], Any], suffix: str) -> str:
    """Make a temporary file with what ``write`` writes, and return its path.

    The reader removes it.
    """
    handle, path = tempfile.mkstemp(suffix)
    with os.fdopen(handle, "wb") as file:
        write(file)
    return path
