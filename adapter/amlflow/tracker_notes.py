"""amlflow's notes of a run. Each has a function that parses it and checks its form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic

from amlflow.spec import FINAL, RunRecord
from amlflow.tracker_data import (
    LENIENT,
    MAX_COUNT,
    MAX_FILE_NAME,
    MAX_NAME,
    Malformed,
    T,
    decode,
    is_whole,
    parse,
    to_id,
    to_json,
    to_name,
    to_object,
    to_seconds,
    to_status,
    to_time,
)

MAX_PROPERTY = 1 << 24
"""The longest property that is stored as a note, in characters."""

MAX_WARNINGS = 100
"""The most texts in a run's warnings."""

MAX_LABELS = 100
"""The most labels of a version of an environment."""

MAX_DEFINITION_FILE = 1 << 20
"""The longest definition of an environment, in characters."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{8,64}")
_JOB_NAME = re.compile(r"[0-9a-f]{32}")


NOTES: dict[str, Note[Any]] = {}
"""All notes of a run that amlflow reads, by their keys in ``RunRecord.system``."""


def read_note(owner: str, notes: Mapping[str, str], key: str, read: Callable[[str], T]) -> T | None:
    """Parse one of the notes of a run or of a model; return None if it is absent."""
    text = notes.get(key)
    return None if text is None else parse(owner, key, text, read)


class Note(Generic[T]):
    """One of amlflow's notes of a run. ``note(record)`` parses it, or returns None if it is absent.

    ``key`` is the note's key in ``system``. ``read`` is the same as in :func:`parse`.
    """

    def __init__(self, key: str, read: Callable[[str], T]) -> None:
        self.key, self._read = key, read
        NOTES[key] = self

    def __call__(self, record: RunRecord) -> T | None:
        return self.among(record.id, record.system)

    def among(self, run_id: str, notes: Mapping[str, str]) -> T | None:
        """Parse the note from ``notes``, for a layer that has removed them from the record."""
        return read_note(run_id, notes, self.key, self._read)


@dataclass(frozen=True, slots=True)
class JobNote:
    """The job of a submitted run: its name, its machine, and the hash of its folder's secret.

    ``base`` is a hash of the folder that has the jobs of the submitter. A run of an older amlflow
    does not have it.
    """

    name: str
    host: str
    proof: str | None = None
    base: str | None = None


def _to_job(text: str) -> JobNote:
    note = to_object(text)
    name, host = note.get("name"), note.get("host")
    proof, base = note.get("proof"), note.get("base")
    if (
        not isinstance(name, str)
        or not _JOB_NAME.fullmatch(name)
        or not isinstance(host, str)
        or len(host) > MAX_NAME
        or not all(
            digest is None or (isinstance(digest, str) and _DIGEST.fullmatch(digest))
            for digest in (proof, base)
        )
    ):
        raise Malformed(
            "an object with name (32 hexadecimal digits), host (a text), proof and base (64 "
            "hexadecimal digits, or null)"
        )
    return JobNote(name, host, proof, base)


parse_job: Note[JobNote] = Note("job", _to_job)
"""The run's job."""


def _to_digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise Malformed("64 hexadecimal digits")
    return text


@dataclass(frozen=True, slots=True)
class Waiting:
    """The reason why a cluster's job waits, in the cluster's words, and how many wait before it."""

    reason: str | None
    before: int | None
    id: str | None
    attempt: int


def _to_waiting(text: str) -> Waiting:
    note = to_object(text)
    reason, before, job_id = note.get("reason"), note.get("before"), note.get("id")
    attempt = note.get("attempt", 1)
    texts_fit = all(
        value is None or (isinstance(value, str) and len(value) <= MAX_NAME)
        for value in (reason, job_id)
    )
    if not texts_fit or not is_whole(attempt) or not (before is None or is_whole(before)):
        raise Malformed("an object with reason and id (texts or null), before and attempt")
    return Waiting(reason, before, job_id, attempt)


parse_cluster: Note[str] = Note("cluster", to_name)
"""The kind of the cluster that runs the run's job."""

parse_cluster_identity: Note[str] = Note("cluster_identity", _to_digest)
parse_cluster_tracker: Note[str] = Note("cluster_tracker", _to_digest)
"""The hashes of that cluster's identity, and of the tracking URI with which the job reports.

A run of an older amlflow does not have them."""


parse_waiting: Note[Waiting] = Note("waiting", _to_waiting)
"""Why the run's job waits in a cluster."""


def _to_attempt(text: str) -> int:
    attempt = to_json(text)
    if not is_whole(attempt):
        raise Malformed("the number of an attempt")
    return int(attempt)


parse_ended_attempt: Note[int] = Note("ended_attempt", _to_attempt)
"""The attempt of the run's job that the cluster has ended, if that was the end of the run."""


def _to_answer(text: str) -> bool:
    if text not in ("yes", "no"):
        raise Malformed("'yes' or 'no'")
    return text == "yes"


parse_left_in_queue: Note[bool] = Note("left_in_queue", _to_answer)
"""Whether the job of a canceled run may still be in its cluster's queue."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """A request to a run's agent to end the run with this final status, and v1's error or None."""

    status: str
    error: dict[str, Any] | None


def _to_end_request(text: str) -> EndRequest:
    note = to_object(text)
    status, error = note.get("status"), note.get("error")
    if not isinstance(status, str) or status not in FINAL:
        raise Malformed("an object with a final status")
    return EndRequest(status, None if error is None else _check_error(error))


def _to_error(text: str) -> dict[str, Any] | None:
    note = to_json(text)
    return None if note is None else _check_error(note)


def _check_error(note: Any) -> dict[str, Any]:
    error = note.get("error") if isinstance(note, dict) else None
    if not (
        isinstance(error, dict)
        and isinstance(error.get("message"), str)
        and isinstance(error.get("code"), (str, type(None)))
    ):
        raise Malformed("an object with error, an object with message and code (texts)")
    return dict(note)


parse_end_request: Note[EndRequest] = Note("end", _to_end_request)
"""The request to end the run."""


parse_error: Note[dict[str, Any] | None] = Note("error", _to_error)
"""Why the run failed, in v1's form ``{"error": {"code", "message", …}}``; null removes it."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A note that a run's agent is silent: the old heartbeat, and when that was noticed.

    Both are None if the agent was known to be gone without looking at the heartbeat.
    """

    heartbeat: datetime | None = None
    since: datetime | None = None


def _to_silence(text: str) -> Silence:
    note = to_object(text)
    if not note:
        return Silence()
    heartbeat, since = note.get("heartbeat"), note.get("since")
    if not isinstance(heartbeat, str) or not isinstance(since, str):
        raise Malformed("an object with heartbeat and since (times), or an empty one")
    return Silence(to_time(heartbeat), to_time(since))


parse_heartbeat: Note[datetime] = Note("heartbeat", to_time)
"""When the agent last reported."""


parse_heartbeat_seconds: Note[float] = Note("heartbeat_seconds", to_seconds)
"""The seconds between two reports of the agent."""


parse_silence: Note[Silence] = Note("silent", _to_silence)
"""When the agent was found silent."""


def _to_warnings(text: str) -> list[str]:
    note = to_json(text)
    if (
        not isinstance(note, list)
        or len(note) > MAX_WARNINGS
        or not all(isinstance(item, str) for item in note)
    ):
        raise Malformed(f"a list of at most {MAX_WARNINGS} texts")
    return note


parse_warnings: Note[list[str]] = Note("warnings", _to_warnings)
"""The agent's warnings, as texts for the user."""


parse_definition: Note[dict[str, Any]] = Note("definition", to_object)
"""v1's runDefinition."""


def _to_script(text: str) -> str:
    if len(text) > MAX_FILE_NAME:
        raise Malformed(f"a text of at most {MAX_FILE_NAME} characters")
    return text


parse_script: Note[str] = Note("script", _to_script)
"""The script's name, so that lists do not need to parse whole definitions.

For a command, version 0.1.0 wrote an empty text."""


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


@dataclass(frozen=True, slots=True)
class ModelNote:
    """A version of a model, for a tracker without a registry. A run stands for it.

    ``path`` is the name of the content among the files of the run ``run_id``. If ``is_uploaded``,
    that run exists only for these files.
    """

    name: str
    version: int
    run_id: str
    path: str
    is_uploaded: bool

    def to_text(self) -> str:
        """Return the text that :data:`parse_model` parses."""
        return json.dumps(asdict(self), ensure_ascii=False)


def _to_model(text: str) -> ModelNote:
    note = to_object(text)
    name, version, path = note.get("name"), note.get("version"), note.get("path")
    run_id, is_uploaded = note.get("run_id"), note.get("is_uploaded")
    if not (
        all(isinstance(item, str) for item in (name, path, run_id))
        and is_whole(version)
        and 0 < version <= MAX_COUNT
        and isinstance(is_uploaded, bool)
    ):
        raise Malformed(
            "an object with name, path and run_id (texts), version (a whole number from 1) and "
            "is_uploaded (true or false)"
        )
    return ModelNote(str(name), version, to_name(str(run_id)), str(path), is_uploaded)


parse_model: Note[ModelNote] = Note("model", _to_model)
"""The version of a model, for a tracker without a registry."""


def to_property(text: str) -> tuple[str, str]:
    """Parse a property that is stored as a note ``[key, value]``. Both can be any text."""
    note = decode(LENIENT, text, MAX_PROPERTY)
    if (
        not isinstance(note, list)
        or len(note) != 2
        or not all(isinstance(item, str) for item in note)
    ):
        raise Malformed("a list of a key and a value (texts)")
    return note[0], note[1]


@dataclass(frozen=True, slots=True)
class EnvironmentNote:
    """The environment of a submitted run.

    ``version`` is None if the content is not that of a registered environment. ``is_made`` tells
    whether an environment is made for the script, or was made before. ``key`` is its hash, as soon
    as it exists.
    """

    name: str
    version: str | None = None
    is_made: bool = False
    key: str | None = None


def _to_environment(text: str) -> EnvironmentNote:
    note = to_object(text)
    name, version, key = note.get("name"), note.get("version"), note.get("key")
    is_made = note.get("is_made", False)
    if not (
        _is_name(name)
        and _is_name(version, or_none=True)
        and isinstance(is_made, bool)
        and (key is None or (isinstance(key, str) and _KEY.fullmatch(key)))
    ):
        raise Malformed(
            "an object with name, version (texts), is_made (true or false) and key (hexadecimal "
            "digits)"
        )
    return EnvironmentNote(str(name), version, is_made, key)


parse_environment: Note[EnvironmentNote] = Note("environment", _to_environment)
"""The environment that the script runs in."""


@dataclass(frozen=True, slots=True)
class EnvironmentEntry:
    """An entry in the history of a registered environment.

    With ``digest``, the entry adds a version. With ``gone``, it removes a version, or all of them
    if ``version`` is None. Otherwise it sets the labels of a version.
    """

    at: datetime
    version: str | None = None
    digest: str | None = None
    labels: tuple[str, ...] = ()
    gone: bool = False


def to_environment_entry(text: str) -> EnvironmentEntry:
    """Parse an entry that the registry of environments has written."""
    note = to_object(text)
    at, version, digest = note.get("at"), note.get("version"), note.get("digest")
    labels, gone = note.get("labels", []), note.get("gone", False)
    if (
        not isinstance(at, str)
        or not _is_name(version, or_none=gone is True)
        or not (digest is None or (isinstance(digest, str) and _DIGEST.fullmatch(digest)))
        or not isinstance(labels, list)
        or len(labels) > MAX_LABELS
        or not all(_is_name(label) for label in labels)
        or not isinstance(gone, bool)
    ):
        raise Malformed(
            "an object with at (a time), version (a text), and digest (64 hexadecimal digits), "
            f"labels (at most {MAX_LABELS} texts) or gone (true)"
        )
    return EnvironmentEntry(to_time(at), version, digest, tuple(labels), gone)


def _is_name(value: object, or_none: bool = False) -> bool:
    """Whether a value is a text that :func:`to_name` accepts."""
    if value is None:
        return or_none
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME


def parse_notes(
    record: RunRecord, prefix: str, read: Callable[[str], T]
) -> Iterator[tuple[str, T]]:
    """Yield the notes whose keys begin with a prefix: the rest of the key, and the parsed value.

    Notes that do not parse are left out.
    """
    for key, text in sorted(record.system.items()):
        if key.startswith(prefix):
            value = parse(record.id, key, text, read)
            if value is not None:
                yield key.removeprefix(prefix), value
