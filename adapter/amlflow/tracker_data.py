"""Parses the values that a tracker returns. They are input: users who may edit a run can change it.

Each text is parsed against a type with limits: its length, its depth, finite numbers, times with a
zone, known statuses, ids of a known form. A text that does not parse counts as absent. A warning
names it, once for each process, run and key. :func:`parse` never raises, so that an edited run
cannot break a listing, a page or another call.

Plugins use the same functions for what they store themselves. For example::

    started = parse(run_id, "mlflow.amlflow.started", tags.get(STARTED), to_milliseconds)
"""

from __future__ import annotations

import json
import logging
import math
import re
import reprlib
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeGuard, TypeVar
from urllib.parse import urlsplit

from amlflow.fork_safety import hold_during_forks
from amlflow.spec import Kind, Status
from amlflow.times import EARLIEST, LATEST

logger = logging.getLogger("amlflow")

T = TypeVar("T")

MAX_NOTE = 65_536
"""The longest note of amlflow, in characters."""
MAX_DEPTH = 32
"""The most levels of lists and objects in JSON."""
MAX_NAME = 256
"""The longest id, or name that amlflow itself gives, in characters."""
MAX_DIGITS = 19
"""The most digits of a whole number: that of 64 bits."""
MAX_COUNT = 1_000_000_000
"""The largest count, such as of the runs of an experiment or the files of a run."""
MAX_SHOWN = 60
"""The number of characters of a value that the log shows."""
MAX_NAMED = 10_000
"""How many warnings a process remembers, as pairs of run and key, in order not to repeat them."""
MAX_DAY_S = 86_400
MAX_FILE_NAME = 1024
"""The longest name of a run's file, in characters."""
MAX_FILE = 256 << 20
"""The largest file of a run that is read as JSON, in bytes."""

STATUSES = frozenset(value for name, value in vars(Status).items() if name.isupper())
"""All of v1's statuses."""


class Malformed(ValueError):
    """A text does not parse. The message says what it should be, such as "a JSON object"."""


# --- Naming what does not parse -----------------------------------------------------------------

_named: set[tuple[str, str]] = set()
_naming = hold_during_forks(threading.RLock())


def parse(owner: str, key: str, text: object, read: Callable[[str], T]) -> T | None:
    """Parse a text. Return None for None, and for a text that does not parse, with one warning.

    ``owner`` is the id of the run or experiment that has the text under ``key``. ``read`` returns
    the value, or raises :class:`Malformed`.
    """
    if text is None:
        return None
    try:
        if not isinstance(text, str):
            raise Malformed("a text")
        return read(text)
    except Malformed as error:
        leave_out(owner, key, str(error), show_value(text))
        return None


def leave_out(owner: str, key: str, should_be: str, value: str) -> None:
    """Log once that a value counts as absent: the message has the expected and the actual value."""
    log_once(
        owner,
        key,
        f"{show_value(key)} of {show_value(owner)} counts as absent: it should be {should_be}, and "
        f"is {value}.",
    )


def log_once(owner: str, key: str, message: str) -> None:
    """Log a warning on what ``owner`` has under ``key``, unless there was one on it before."""
    with _naming:
        if (owner, key) in _named:
            return
        if len(_named) >= MAX_NAMED:
            _named.clear()
        _named.add((owner, key))
    logger.warning("%s", message)


def show_value(value: object) -> str:
    """Return the beginning of a value for a message, with control characters escaped."""
    if not isinstance(value, str):
        return reprlib.repr(value)
    if len(value) <= MAX_SHOWN:
        return repr(value)
    return f"{value[:MAX_SHOWN]!r}… ({len(value)} characters)"


# --- Texts --------------------------------------------------------------------------------------

_ID = re.compile(r"\w[\w.\-]{0,255}")
_AN_ID = f"an id of at most {MAX_NAME} letters, digits, '_', '-' and '.'"
_WHOLE = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


def to_id(text: str) -> str:
    """Parse the id of a run: letters, digits, ``_ - .``."""
    if not _ID.fullmatch(text):
        raise Malformed(_AN_ID)
    return text


def is_id(value: object) -> TypeGuard[str]:
    """Whether a value has the form of an id (:func:`to_id`)."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def keep_id(value: object, column: str = "id") -> TypeGuard[str]:
    """Return whether a value of a tracker is an id. If not, the log says that it is left out."""
    if not is_id(value):
        owner = value if isinstance(value, str) else reprlib.repr(value)
        leave_out(owner, column, _AN_ID, show_value(value))
    return is_id(value)


def to_location(text: str) -> str:
    """Parse a path or an address of files: a text that ``urlsplit`` and ``urljoin`` can take."""
    if text.isascii() and "[" not in text and "]" not in text:  # the fast way for most texts
        return text
    try:
        urlsplit(text)
    except ValueError:
        raise Malformed("a path, or an address with a valid host") from None
    return text


def to_name(text: str) -> str:
    """Parse a short text that is not empty."""
    if not text or len(text) > MAX_NAME:
        raise Malformed(f"a text of 1 to {MAX_NAME} characters")
    return text


def to_whole(text: str) -> int:
    """Parse a whole number of at most 64 bits."""
    if not _WHOLE.fullmatch(text):
        raise Malformed("a whole number of at most 64 bits")
    return int(text)


def to_count(text: str) -> int:
    """Parse a whole number from 1 to :data:`MAX_COUNT`."""
    number = to_whole(text)
    if not 0 < number <= MAX_COUNT:
        raise Malformed(f"a whole number from 1 to {MAX_COUNT}")
    return number


def to_seconds(text: str) -> float:
    """Parse a positive number of seconds, at most a day."""
    try:
        number = float(text) if len(text) <= MAX_NAME else math.nan
    except ValueError:
        number = math.nan
    if not 0 < number <= MAX_DAY_S:
        raise Malformed("a positive number of seconds, at most a day")
    return number


def to_time(text: str) -> datetime:
    """Parse a time in ISO 8601 with a zone, and convert it to UTC."""
    try:
        time = datetime.fromisoformat(text) if len(text) <= MAX_NAME else None
        if time is not None and time.tzinfo is not None:
            time = time.astimezone(timezone.utc)
            if EARLIEST <= time <= LATEST:
                return time
    except (ValueError, OverflowError):
        pass
    raise Malformed("a time in ISO 8601 with its zone")


def check_local_time(text: str) -> None:
    """Raise :class:`Malformed` if a text is not a time in ISO 8601. A zone is not required."""
    try:
        datetime.fromisoformat(text if len(text) <= MAX_NAME else "")
    except ValueError:
        raise Malformed("a time in ISO 8601") from None


def to_status(text: str) -> str:
    """Parse one of v1's statuses."""
    if text not in STATUSES:
        raise Malformed("a status of v1's")
    return text


# --- Columns of a database ----------------------------------------------------------------------
# SQLite stores any value in any column, such as bytes or numbers in a column of texts, and texts
# that are not in UTF-8. So every user who may write the file can choose the type of a value.

decode_text = partial(str, encoding="utf-8", errors="backslashreplace")
"""The ``text_factory`` for connections to SQLite. With the default one, a single text that is not
in UTF-8 makes a statement fail for all rows."""


def read_text(owner: str, column: str, value: object) -> str | None:
    """Return the value of a column of texts; None if it has another type, with a warning."""
    return value if type(value) is str else parse(owner, column, value, str)


def read_texts(owner: str, entries: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Return keys with their texts. An entry of another type is left out, with a warning."""
    texts: dict[str, str] = {}
    for key, value in entries:
        if type(key) is str and type(value) is str:
            texts[key] = value
        elif value is not None:
            leave_out(owner, str(key), "a text with a text as its key", show_value(value))
    return texts


def read_whole(owner: str, column: str, value: object) -> int | None:
    """Return the value of a column of whole numbers; None for another type, with a warning."""
    if value is None or type(value) is int:
        return value
    leave_out(owner, column, "a whole number", show_value(value))
    return None


def read_number(owner: str, column: str, value: object) -> float | None:
    """Return the value of a column of numbers; None if it has another type, with a warning."""
    if type(value) is float or value is None:
        return value
    if type(value) is int:
        return float(value)  # of 64 bits at most
    leave_out(owner, column, "a number", show_value(value))
    return None


# --- JSON ---------------------------------------------------------------------------------------


def _refuse(constant: str) -> Any:
    raise Malformed(f"{constant}, which JSON does not have")


def _parse_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed("JSON with finite numbers")
    return number


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise Malformed(f"JSON with whole numbers of at most {MAX_DIGITS} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_parse_float, parse_int=_parse_int)


def to_json(text: str, max_chars: int = MAX_NOTE) -> Any:
    """Parse JSON as in RFC 8259: numbers are finite, and texts can be encoded."""
    value = decode(_DECODER, text, max_chars)
    # A half of a surrogate pair can only come from an escape.
    return _escape_halves(value) if "\\u" in text else value


def decode(decoder: json.JSONDecoder, text: str, max_chars: int) -> Any:
    """Decode a text of at most ``max_chars`` characters and :data:`MAX_DEPTH` levels."""
    if len(text) > max_chars:
        raise Malformed(f"JSON of at most {max_chars} characters")
    try:
        # amlflow's own JSON has no spaces around it. decode() would look for them at both ends.
        value, end = decoder.raw_decode(text) if text[:1] in ("{", "[") else (None, -1)
        if end != len(text):
            value = decoder.decode(text)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed("JSON") from error
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise Malformed(f"JSON of at most {MAX_DEPTH} levels")


def _escape_halves(value: Any) -> Any:
    """Return the value, with each half of a surrogate pair replaced by its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_escape_halves(key): _escape_halves(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escape_halves(item) for item in value]
    return value


def to_object(text: str, max_chars: int = MAX_NOTE) -> dict[str, Any]:
    """Parse a JSON object."""
    value = to_json(text, max_chars)
    if not isinstance(value, dict):
        raise Malformed("a JSON object")
    return value


def parse_file(owner: str, name: str, path: Path, read: Callable[[str], T]) -> T | None:
    """Parse a file of a run as :func:`parse` does. ``path`` is its local copy."""
    size = path.stat().st_size
    if size > MAX_FILE:
        leave_out(owner, name, f"a file of at most {MAX_FILE} bytes", f"{size} bytes long")
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        leave_out(owner, name, "a text in UTF-8", "something else")
        return None
    return parse(owner, name, text, read)


def parse_line(owner: str, name: str, file: IO[bytes], read: Callable[[str], T]) -> T | None:
    """Parse the next line of an open file of a run as :func:`parse` does."""
    line = file.readline(MAX_NAME)
    return parse(owner, name, line.decode("ascii", "replace").rstrip("\n"), read)


# --- Metrics ------------------------------------------------------------------------------------

LENIENT = json.JSONDecoder()
"""The decoder for metrics. It also accepts NaN, infinities, and whole numbers of any size."""
_SCALARS = (bool, int, float, str, type(None))


def to_metrics_json(text: str, max_chars: int = MAX_FILE) -> Any:
    """Parse JSON with values of metrics."""
    return decode(LENIENT, text, max_chars)


def to_metrics_object(text: str) -> dict[str, Any]:
    """Parse a JSON object with values of metrics."""
    value = to_metrics_json(text)
    if not isinstance(value, dict):
        raise Malformed("a JSON object")
    return value


def to_kind(kind: object, value: object) -> Kind:
    """Parse the kind of a metric, and check that the value has the type of this kind.

    :class:`amlflow.spec.Kind` has the types. Raises :class:`Malformed`.
    """
    try:
        metric_kind = Kind(kind)
    except ValueError:
        raise Malformed("a metric of a known kind") from None
    if not _SHAPES.get(metric_kind, _is_file_name)(value):
        raise Malformed(f"a metric whose value is one of the kind {metric_kind.value}")
    return metric_kind


def is_scalar(value: object) -> bool:
    """Whether a value is a number, a text, True, False or None."""
    return isinstance(value, _SCALARS)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(is_scalar, value))


def _is_row(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_scalar, value.values()))


def _is_table(value: object) -> bool:
    return (
        isinstance(value, dict)
        and all(map(_is_list, value.values()))
        and len({len(cells) for cells in value.values()}) <= 1
    )


def _is_file_name(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= MAX_FILE_NAME
        and not any(part in ("", ".", "..") for part in value.split("/"))
        and "\\" not in value
        and "\0" not in value
    )


_SHAPES = {
    Kind.SCALAR: is_scalar,
    Kind.LIST: _is_list,
    Kind.ROW: _is_row,
    Kind.TABLE: _is_table,
}


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number. True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)
