"""Parses what a tracker returns. It is input: everybody who may edit a run can change it.

Each text is parsed against a type with limits: its length, its depth, finite numbers, times with a
zone, known statuses, ids of a known form. A text that does not parse counts as absent, and a
warning on the log names it, once for each process, run and key. :func:`parse` never raises, so that
an edited run cannot break a listing, a page or another call.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, Generic, TypeGuard, TypeVar

from amlflow.spec import FINAL, Kind, RunRecord, Status
from amlflow.times import EARLIEST, LATEST

logger = logging.getLogger("amlflow")

T = TypeVar("T")

MAX_NOTE = 65_536
"""Characters of one of amlflow's notes."""
MAX_DEPTH = 32
"""Levels of lists and objects in JSON."""
MAX_NAME = 256
"""Characters of an id, or of a name that amlflow itself gives."""
MAX_DIGITS = 19
"""Digits of a whole number: as many as 64 bits hold."""
MAX_COUNT = 1_000_000_000
"""Runs of an experiment, or files of a run."""
MAX_SHOWN = 60
"""Characters of a value that the log shows."""
MAX_NAMED = 10_000
"""Pairs of run and key that a process has named and remembers, so as not to repeat itself."""
MAX_PROPERTY = 1 << 24
"""Characters of a property that is stored as a note."""
MAX_WARNINGS = 100
"""Texts in a run's warnings."""
MAX_DAY_S = 86_400
MAX_FILE_NAME = 1024
"""Characters of the name of a run's file."""
MAX_FILE = 256 << 20
"""Bytes of a file of a run that is read as JSON."""

STATUSES = frozenset(value for name, value in vars(Status).items() if name.isupper())
"""All of v1's statuses."""


class Malformed(ValueError):
    """A text does not parse; the message says what it should be, such as "a JSON object"."""


# --- Naming what does not parse -----------------------------------------------------------------

_named: set[tuple[str, str]] = set()
_naming = threading.Lock()


def parse(owner: str, key: str, text: object, read: Callable[[str], T]) -> T | None:
    """Parse a text; None if it is None or does not parse, which the log names once.

    ``owner`` is the id of the run or experiment that has the text under ``key``. ``read`` returns
    the value, or raises :class:`Malformed`.
    """
    if text is None:
        return None
    try:
        if not isinstance(text, str):
            raise Malformed("a text")
        return read(text)
    except Malformed as wrong:
        leave_out(owner, key, str(wrong), shown(text))
        return None


def leave_out(owner: str, key: str, should_be: str, found: str) -> None:
    """Log once that a value counts as absent, what it should be, and what was found."""
    with _naming:
        if (owner, key) in _named:
            return
        if len(_named) >= MAX_NAMED:
            _named.clear()
        _named.add((owner, key))
    logger.warning(
        "%s of %s counts as absent: it should be %s, and is %s.",
        shown(key),
        shown(owner),
        should_be,
        found,
    )


def shown(value: object) -> str:
    """The beginning of a value for a message, with control characters escaped."""
    if not isinstance(value, str):
        return reprlib.repr(value)
    if len(value) <= MAX_SHOWN:
        return repr(value)
    return f"{value[:MAX_SHOWN]!r}… ({len(value)} characters)"


# --- Texts --------------------------------------------------------------------------------------

_ID = re.compile(r"\w[\w.\-]{0,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_JOB_NAME = re.compile(r"[0-9a-f]{32}")
_WHOLE = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


def to_id(text: str) -> str:
    """An id of a run: letters, digits, ``_ - .``."""
    if not _ID.fullmatch(text):
        raise Malformed(f"an id of at most {MAX_NAME} letters, digits, '_', '-' and '.'")
    return text


def to_name(text: str) -> str:
    """A short text."""
    if not text or len(text) > MAX_NAME:
        raise Malformed(f"a text of 1 to {MAX_NAME} characters")
    return text


def to_whole(text: str) -> int:
    """A whole number of at most 64 bits."""
    if not _WHOLE.fullmatch(text):
        raise Malformed("a whole number of at most 64 bits")
    return int(text)


def to_count(text: str) -> int:
    """A whole number from 1 to :data:`MAX_COUNT`."""
    number = to_whole(text)
    if not 0 < number <= MAX_COUNT:
        raise Malformed(f"a whole number from 1 to {MAX_COUNT}")
    return number


def to_seconds(text: str) -> float:
    """A positive number of seconds, at most a day."""
    try:
        number = float(text) if len(text) <= MAX_NAME else math.nan
    except ValueError:
        number = math.nan
    if not 0 < number <= MAX_DAY_S:
        raise Malformed("a positive number of seconds, at most a day")
    return number


def to_time(text: str) -> datetime:
    """A time in ISO 8601 with its zone, in UTC."""
    try:
        time = datetime.fromisoformat(text) if len(text) <= MAX_NAME else None
        if time is not None and time.tzinfo is not None:
            time = time.astimezone(timezone.utc)
            if EARLIEST <= time <= LATEST:
                return time
    except (ValueError, OverflowError):
        pass
    raise Malformed("a time in ISO 8601 with its zone")


def to_status(text: str) -> str:
    """One of v1's statuses."""
    if text not in STATUSES:
        raise Malformed("a status of v1's")
    return text


# --- JSON ---------------------------------------------------------------------------------------


def _refuse(constant: str) -> Any:
    raise Malformed(f"{constant}, which JSON does not have")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed("JSON with finite numbers")
    return number


def _bounded(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise Malformed(f"JSON with whole numbers of at most {MAX_DIGITS} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, parse_int=_bounded)


def to_json(text: str, max_chars: int = MAX_NOTE) -> Any:
    """JSON as in RFC 8259: numbers are finite, and texts can be encoded."""
    value = decoded(_DECODER, text, max_chars)
    # A half of a surrogate pair can only come from an escape.
    return _whole_texts(value) if "\\u" in text else value


def decoded(decoder: json.JSONDecoder, text: str, max_chars: int) -> Any:
    """Decode a text of at most ``max_chars`` characters and :data:`MAX_DEPTH` levels."""
    if len(text) > max_chars:
        raise Malformed(f"JSON of at most {max_chars} characters")
    try:
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
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Malformed(f"JSON of at most {MAX_DEPTH} levels")


def _whole_texts(value: Any) -> Any:
    """The value, with each half of a surrogate pair replaced by its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole_texts(key): _whole_texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole_texts(each) for each in value]
    return value


def to_object(text: str, max_chars: int = MAX_NOTE) -> dict[str, Any]:
    """A JSON object."""
    value = to_json(text, max_chars)
    if not isinstance(value, dict):
        raise Malformed("a JSON object")
    return value


def parse_file(owner: str, name: str, path: Path, read: Callable[[str], T]) -> T | None:
    """Like :func:`parse`, for a file of a run; ``path`` is its local copy."""
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
    """Like :func:`parse`, for the next line of an open file of a run."""
    line = file.readline(MAX_NAME)
    return parse(owner, name, line.decode("ascii", "replace").rstrip("\n"), read)


# --- Metrics ------------------------------------------------------------------------------------

_LENIENT = json.JSONDecoder()
"""Accepts what amlflow writes for metrics: NaN, infinities, and whole numbers of any size."""
_SCALARS = (bool, int, float, str, type(None))


def to_metrics_json(text: str, max_chars: int = MAX_FILE) -> Any:
    """JSON with values of metrics."""
    return decoded(_LENIENT, text, max_chars)


def to_metrics_object(text: str) -> dict[str, Any]:
    """A JSON object with values of metrics."""
    value = to_metrics_json(text)
    if not isinstance(value, dict):
        raise Malformed("a JSON object")
    return value


def to_kind(kind: object, value: object) -> Kind:
    """The kind of a metric, if the value has its type (:class:`amlflow.spec.Kind`)."""
    try:
        found = Kind(kind)
    except ValueError:
        raise Malformed("a metric of a known kind") from None
    if not _SHAPES.get(found, _is_file_name)(value):
        raise Malformed(f"a metric whose value is one of the kind {found.value}")
    return found


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
    """Whether a value is a whole number; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


# --- amlflow's notes of a run -------------------------------------------------------------------

NOTES: dict[str, Note[Any]] = {}
"""All notes of a run that amlflow reads, by their keys in ``RunRecord.system``."""


class Note(Generic[T]):
    """One of amlflow's notes of a run: ``note(record)`` parses it, or returns None if absent.

    ``key`` is the note's key in ``system``; ``read`` is as in :func:`parse`.
    """

    def __init__(self, key: str, read: Callable[[str], T]) -> None:
        self.key, self._read = key, read
        NOTES[key] = self

    def __call__(self, record: RunRecord) -> T | None:
        return self.among(record.id, record.system)

    def among(self, run_id: str, notes: Mapping[str, str]) -> T | None:
        """The same for a layer that has taken its notes out of the record."""
        text = notes.get(self.key)
        return None if text is None else parse(run_id, self.key, text, self._read)


@dataclass(frozen=True, slots=True)
class JobNote:
    """The job of a submitted run: its name, its machine, and the hash of its folder's secret."""

    name: str
    host: str
    proof: str | None = None


def _job(text: str) -> JobNote:
    found = to_object(text)
    name, host, proof = found.get("name"), found.get("host"), found.get("proof")
    if (
        not isinstance(name, str)
        or not _JOB_NAME.fullmatch(name)
        or not isinstance(host, str)
        or len(host) > MAX_NAME
        or not (proof is None or (isinstance(proof, str) and _DIGEST.fullmatch(proof)))
    ):
        raise Malformed(
            "an object with name (32 hexadecimal digits), host (a text) and proof (64 hexadecimal "
            "digits, or null)"
        )
    return JobNote(name, host, proof)


parse_job: Note[JobNote] = Note("job", _job)
"""The run's job."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """A request to a run's agent to end it: with this final status, and v1's error or None."""

    status: str
    error: dict[str, Any] | None


def _end_request(text: str) -> EndRequest:
    found = to_object(text)
    status, error = found.get("status"), found.get("error")
    if not isinstance(status, str) or status not in FINAL:
        raise Malformed("an object with a final status")
    return EndRequest(status, None if error is None else _checked_error(error))


def _error(text: str) -> dict[str, Any]:
    return _checked_error(to_object(text))


def _checked_error(found: Any) -> dict[str, Any]:
    error = found.get("error") if isinstance(found, dict) else None
    if not (
        isinstance(error, dict)
        and isinstance(error.get("message"), str)
        and isinstance(error.get("code"), (str, type(None)))
    ):
        raise Malformed("an object with error, an object with message and code (texts)")
    return dict(found)


parse_end_request: Note[EndRequest] = Note("end", _end_request)
"""The request to end the run."""
parse_error: Note[dict[str, Any]] = Note("error", _error)
"""Why the run failed, in v1's form ``{"error": {"code", "message", …}}``."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A run's agent was found silent: the heartbeat that was too old, and when that was noticed.

    Both are None if the agent was known to be gone without a heartbeat.
    """

    heartbeat: datetime | None = None
    since: datetime | None = None


def _silence(text: str) -> Silence:
    found = to_object(text)
    if not found:
        return Silence()
    heartbeat, since = found.get("heartbeat"), found.get("since")
    if not isinstance(heartbeat, str) or not isinstance(since, str):
        raise Malformed("an object with heartbeat and since (times), or an empty one")
    return Silence(to_time(heartbeat), to_time(since))


parse_heartbeat: Note[datetime] = Note("heartbeat", to_time)
"""When the agent last reported."""
parse_heartbeat_seconds: Note[float] = Note("heartbeat_seconds", to_seconds)
"""The seconds between two reports of the agent."""
parse_silence: Note[Silence] = Note("silent", _silence)
"""When the agent was found silent."""


def _warnings(text: str) -> list[str]:
    found = to_json(text)
    if (
        not isinstance(found, list)
        or len(found) > MAX_WARNINGS
        or not all(isinstance(each, str) for each in found)
    ):
        raise Malformed(f"a list of at most {MAX_WARNINGS} texts")
    return found


parse_warnings: Note[list[str]] = Note("warnings", _warnings)
"""What the agent could not do, as texts for the user."""
parse_definition: Note[dict[str, Any]] = Note("definition", to_object)
"""v1's runDefinition."""
parse_target: Note[str] = Note("target", to_name)
"""The name of the compute target."""
parse_parent_alias: Note[str] = Note("parent", to_id)
"""The parent's id that users see, if it differs from the tracker's."""
parse_root_alias: Note[str] = Note("root", to_id)
"""The root's id that users see, if it differs from the tracker's."""
parse_nesting_parent: Note[str] = Note("nesting_parent", to_name)
"""The parent's id, for a tracker without nested runs."""
parse_nesting_root: Note[str] = Note("nesting_root", to_name)
"""The root's id, for a tracker without nested runs."""
parse_fine_status: Note[str] = Note("statuses_status", to_status)
"""The status, for a tracker that knows only some statuses."""


def to_property(text: str) -> tuple[str, str]:
    """A property that is stored as a note ``[key, value]``; both can be any text."""
    found = decoded(_LENIENT, text, MAX_PROPERTY)
    if (
        not isinstance(found, list)
        or len(found) != 2
        or not all(isinstance(each, str) for each in found)
    ):
        raise Malformed("a list of a key and a value (texts)")
    return found[0], found[1]
