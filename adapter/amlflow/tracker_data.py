"""Parses what a tracker gives back: whoever may edit a run writes it, so it is input.

Each text is parsed here against a type with limits: its length, its depth, finite numbers, times
with a zone, known statuses, ids of a known form. What does not parse counts as absent, and is named
once on the log for each process, run and key. It never raises, so that one edited run breaks no
listing, no page and no call on this or another run.

Plugins use the same functions for what they keep in their own places::

    started = parse(run_id, "mlflow.amlflow.started", tags.get(STARTED), to_milliseconds)
"""

from __future__ import annotations

import json
import logging
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from amlflow.spec import RunRecord

logger = logging.getLogger("amlflow")

T = TypeVar("T")

MAX_NOTE = 65_536
"""Characters of a note."""
MAX_DEPTH = 32
"""Lists and objects within each other."""
MAX_NAME = 256
"""Characters of an id, or of a name that amlflow itself gives."""
MAX_DIGITS = 19
"""Of a whole number in a note: what 64 bits hold."""
MAX_SHOWN = 60
"""Characters of a value that is named on the log."""
MAX_NAMED = 10_000
"""Runs and keys that a process remembers to have named."""


class Malformed(ValueError):
    """A text is not what its key promises; the message says what it should be."""


# --- Naming what does not parse -----------------------------------------------------------------

_named: set[tuple[str, str]] = set()
_naming = threading.Lock()


def parse(owner: str, key: str, text: object, read: Callable[[str], T]) -> T | None:
    """What a text says, or None where there is none or it does not parse, which is named once.

    ``owner`` is the id of the run or experiment that has the text under ``key``. ``read`` raises
    :class:`Malformed` for a text that it does not take.
    """
    if text is None:
        return None
    try:
        if not isinstance(text, str):
            raise Malformed("a text")
        return read(text)
    except Malformed as wrong:
        leave_out(owner, key, text, str(wrong))
        return None


def leave_out(owner: str, key: str, value: object, should_be: str) -> None:
    """Name on the log, once, what counts as absent; ``should_be`` says what was expected."""
    with _naming:
        if (owner, key) in _named:
            return
        if len(_named) >= MAX_NAMED:
            _named.clear()
        _named.add((owner, key))
    logger.warning(
        "%s has a %s that amlflow does not read, so it counts as absent: it should be %s, and is "
        "%s.",
        shown(owner),
        shown(key),
        should_be,
        shown(value),
    )


def shown(value: object) -> str:
    """A value for a message: its beginning, with control characters escaped."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
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


def to_seconds(text: str) -> float:
    """A positive number of seconds, at most a day."""
    try:
        number = float(text) if len(text) <= MAX_NAME else math.nan
    except ValueError:
        number = math.nan
    if not 0 < number <= 86_400:
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


EARLIEST = datetime(1000, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)
"""Between these, a time can be shown in every zone, and all are equally long."""


# --- JSON ---------------------------------------------------------------------------------------


def _refuse(constant: str) -> Any:
    raise Malformed(f"JSON, in which there is no {constant}")


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
    """JSON as RFC 8259 has it: finite numbers, and texts that every encoding holds."""
    value = decoded(_DECODER, text, max_chars)
    # A half of a surrogate pair can only come from an escape.
    return _whole_texts(value) if "\\u" in text else value


def decoded(decoder: json.JSONDecoder, text: str, max_chars: int) -> Any:
    """What a decoder makes of a text of at most so many characters and :data:`MAX_DEPTH`."""
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
    """The value with halves of surrogate pairs as their escapes; its depth is limited."""
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


# --- amlflow's notes of a run -------------------------------------------------------------------

NOTES: dict[str, Note[Any]] = {}
"""All notes of a run that amlflow reads, by their keys in ``RunRecord.system``."""


class Note(Generic[T]):
    """One of amlflow's notes of a run: ``note(record)`` is what it says, None where it is absent.

    ``key`` is the note's key in ``system``, and ``read`` parses its text as in :func:`parse`.
    """

    def __init__(self, key: str, read: Callable[[str], T]) -> None:
        self.key, self._read = key, read
        NOTES[key] = self

    def __call__(self, record: RunRecord) -> T | None:
        text = record.system.get(self.key)
        return None if text is None else parse(record.id, self.key, text, self._read)


@dataclass(frozen=True, slots=True)
class JobNote:
    """The job of a submitted run: its name, its machine, and a hash that its folder proves."""

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
