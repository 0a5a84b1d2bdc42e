"""The registered environments of a workspace. The tracker keeps them, so all its users find them.

An environment is a run of amlflow's own experiment. Each definition is a file of that run, named by
the hash of its content. The environment's history is a list of entries. Each entry is a property:
for example, ``entry-1`` adds a version, and ``entry-2`` labels it. A property cannot be changed. So
if two processes write the same entry, one fails, reads the list again and writes the next entry.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow.exceptions import ServiceException, UserErrorException
from amlflow.own_runs import OwnRuns, to_run_id
from amlflow.spec import (
    FileNotInRun,
    PropertyConflict,
    RunChange,
    RunRecord,
    Tracker,
)
from amlflow.tracker_data import parse, parse_file, to_name, to_object
from amlflow.tracker_notes import MAX_DEFINITION_FILE, EnvironmentEntry, to_environment_entry

logger = logging.getLogger("amlflow")

EXPERIMENT = "amlflow.environments"
_NAME_TAG = "environment"
_ENTRY = re.compile(r"entry-([0-9]{1,6})")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
MAX_ATTEMPTS = 1000
"""How often this process tries to write an entry while other processes write theirs."""
MAX_NAMED = 20
"""How many names a message lists."""
THREADS = 8
"""How many definitions are read at the same time."""


LATEST = "latest"
"""The label of Azure ML for the newest version. Nobody needs to give it."""


class EnvironmentNotFound(ServiceException):
    """No environment is registered with this name, version or label."""

    status_code = 404


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a registered environment.

    ``digest`` is the SHA-256 of its definition in hexadecimal digits. ``run_id`` is the id of the
    run with the definition.
    """

    run_id: str
    name: str
    version: str
    digest: str
    registered: datetime
    labels: tuple[str, ...] = ()


def digest_of(definition: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a definition.

    Empty settings do not count, so that the digest stays the same if a later release of amlflow
    adds settings.
    """
    return hashlib.sha256(_to_text(_without_empty(definition)).encode()).hexdigest()


def _without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = ((key, _without_empty(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item not in (None, False, "", [], {})}
    return value


def _to_text(definition: Mapping[str, Any]) -> str:
    content = {key: value for key, value in definition.items() if key not in ("name", "version")}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _History:
    """A registered environment: its run, its versions in their order, and the last entry."""

    run: RunRecord
    name: str
    versions: tuple[RegisteredVersion, ...]
    highest: int
    last_entry: int


class Registry:
    """The environments of a workspace."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self._runs = OwnRuns(tracker, EXPERIMENT)

    # reading

    def get(
        self, name: str, version: str | None = None, label: str | None = None
    ) -> RegisteredVersion:
        """Return the version with this version name or label; the latest if both are None.

        The label "latest" names the latest version, unless a version was given this label.

        Raises :class:`EnvironmentNotFound`.
        """
        versions = self.versions(name)
        if not versions:
            raise EnvironmentNotFound(
                f"No environment {name!r} is registered in the workspace. {self._name_all()}"
            )
        if version is None and label is None:
            return versions[-1]
        for candidate in versions:
            if candidate.version == version or (label is not None and label in candidate.labels):
                return candidate
        if label is not None and label.casefold() == LATEST:
            return versions[-1]
        wanted = f"version {version!r}" if version is not None else f"label {label!r}"
        numbers = ", ".join(item.version for item in versions[-MAX_NAMED:])
        raise EnvironmentNotFound(
            f"The environment {name!r} has no {wanted}. Its versions are: {numbers}."
        )

    def versions(self, name: str) -> tuple[RegisteredVersion, ...]:
        """All versions of an environment, oldest first; empty if it is not registered."""
        history = self._find(name)
        return () if history is None else history.versions

    def latest(self) -> list[RegisteredVersion]:
        """The latest version of each environment, sorted by name."""
        versions: list[RegisteredVersion] = []
        for record in self._runs.find():
            name = parse(record.id, _NAME_TAG, record.tags.get(_NAME_TAG), to_name)
            if name is not None and record.alias == _alias(name):
                versions += _read(record, name).versions[-1:]
        return sorted(versions, key=lambda version: (version.name.casefold(), version.name))

    def definition(self, version: RegisteredVersion) -> dict[str, Any]:
        """Read the definition of a version.

        Raises :class:`ServiceException` if its file is missing, or does not have the digest.
        """
        name = _file_name(version.digest)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "definition.json")
            try:
                self.tracker.get_file(version.run_id, name, path)
            except FileNotInRun:
                definition = None
            else:
                definition = parse_file(
                    version.run_id, name, path, lambda text: to_object(text, MAX_DEFINITION_FILE)
                )
        if definition is None or digest_of(definition) != version.digest:
            raise ServiceException(
                f"The definition of the environment {version.name!r}, version {version.version}, "
                f"is not what was registered: the file {name!r} of run {version.run_id} is missing "
                "or was changed. Register the environment again."
            )
        return definition

    def definitions(self) -> Iterator[tuple[RegisteredVersion, dict[str, Any]]]:
        """Yield the latest version of each environment with its definition, sorted by name.

        If a definition cannot be read, the environment is left out and the log names it.
        """

        def read(version: RegisteredVersion) -> dict[str, Any] | None:
            try:
                return self.definition(version)
            except ServiceException as failure:
                logger.warning("%s", failure.message)
                return None

        versions = self.latest()
        with ThreadPoolExecutor(THREADS) as pool:
            for version, definition in zip(versions, pool.map(read, versions), strict=True):
                if definition is not None:
                    yield version, definition

    # writing

    def register(
        self, name: str, definition: Mapping[str, Any], version: str | None = None
    ) -> RegisteredVersion:
        """Register a definition as a version of an environment, and return the version.

        Without ``version``, a definition that is registered already keeps its version, and another
        one gets the number after the highest.

        Raises:
            UserErrorException: the name or version is not valid, or the version is registered with
                another definition.
        """
        check_environment_name(name)
        if version is not None and not _VERSION.fullmatch(version):
            raise UserErrorException(
                f"{version!r} is not a valid version of an environment: use 1-100 letters, digits, "
                "'_', '-', '+' and '.', and start with a letter or a digit."
            )
        digest = digest_of(definition)
        history = self._find(name)
        if history is not None:
            registered = _same_content(history, digest, version)
            if registered is not None:
                return registered
        run_id = (history or self._ensure(name)).run.id
        self._put(run_id, digest, definition)

        def entry(history: _History) -> EnvironmentEntry | None:
            if _same_content(history, digest, version) is not None:
                return None
            return EnvironmentEntry(
                at=_now(), version=version or str(history.highest + 1), digest=digest
            )

        history = self._append(name, entry)
        registered = _same_content(history, digest, version)
        if registered is None:  # another process has removed it since the entry was written
            raise UserErrorException(
                f"The environment {name!r} was removed by another process. Register it again."
            )
        return registered

    def label(self, name: str, version: str, labels: Sequence[str]) -> None:
        """Replace the labels of a version. If another version has one of them, it loses it.

        Raises :class:`EnvironmentNotFound`.
        """
        self.get(name, version)
        self._append(
            name,
            lambda history: EnvironmentEntry(at=_now(), version=version, labels=tuple(labels)),
        )

    def remove(self, name: str, version: str | None = None) -> None:
        """Remove a version, or all versions. Their numbers are not used again.

        Raises :class:`EnvironmentNotFound`.
        """
        self.get(name, version)
        self._append(name, lambda history: EnvironmentEntry(at=_now(), version=version, gone=True))

    def _put(self, run_id: str, digest: str, definition: Mapping[str, Any]) -> None:
        text = _to_text(definition)
        if len(text) > MAX_DEFINITION_FILE:
            raise UserErrorException(
                f"The environment's definition has {len(text)} characters, which is more than "
                f"{MAX_DEFINITION_FILE}. Name fewer packages."
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "definition.json")
            path.write_text(text, encoding="utf-8")
            self.tracker.put_files(run_id, {_file_name(digest): path}, replace=True)

    def _append(
        self, name: str, entry_for: Callable[[_History], EnvironmentEntry | None]
    ) -> _History:
        """Add an entry to an environment's history, and return the history.

        ``entry_for`` makes the entry from the current history. If it returns None, nothing is
        added. It is called again when another process was faster.
        """
        for _ in range(MAX_ATTEMPTS):
            history = self._ensure(name)
            entry = entry_for(history)
            if entry is None:
                return history
            key = f"entry-{history.last_entry + 1}"
            change = RunChange(properties={key: _entry_text(entry)})
            try:
                self.tracker.update_run(history.run.id, change)
            except PropertyConflict:  # another process has written this entry
                continue
            properties = {**history.run.properties, **change.properties}
            return _read(dataclasses.replace(history.run, properties=properties), name)
        raise ServiceException(
            f"The environment {name!r} was not changed: in each of {MAX_ATTEMPTS} attempts, "
            "another process changed it first. Try again."
        )

    def _ensure(self, name: str) -> _History:
        return _read(self._runs.ensure(_alias(name), name=name, tags={_NAME_TAG: name}), name)

    def _find(self, name: str) -> _History | None:
        record = self._runs.get(_alias(name))
        return None if record is None else _read(record, name)

    def _name_all(self) -> str:
        names = [version.name for version in self.latest()]
        if not names:
            return "It has no environments yet: environment.register(workspace) registers one."
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        return f"It has: {', '.join(names[:MAX_NAMED])}{more}."


def check_environment_name(name: str) -> None:
    """Raise UserErrorException if a value is not a valid name for a registered environment."""
    if not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name[:100]!r} is not a valid name for an environment: use 1-255 characters, without "
            "line feeds and other control characters."
        )
    if name.lower().startswith(("azureml-", "microsoft")):
        raise UserErrorException(
            f"The name {name!r} is reserved, as in v1: names that begin with 'AzureML-' or "
            "'Microsoft' are curated. Register environment.clone('another name')."
        )


def _same_content(history: _History, digest: str, version: str | None) -> RegisteredVersion | None:
    """Find the version with this content; None if there is none.

    Raises:
        UserErrorException: the version named by ``version`` has another content.
    """
    for candidate in reversed(history.versions):
        if version is None:
            if candidate.digest == digest:
                return candidate
        elif candidate.version == version:
            if candidate.digest == digest:
                return candidate
            raise UserErrorException(
                f"Version {version} of the environment {history.name!r} is registered with another "
                "content, and cannot be changed. To register a new version, set "
                "environment.version = None."
            )
    return None


def _read(record: RunRecord, name: str) -> _History:
    """Read the history of an environment from its run. An entry that does not parse is left out."""
    numbers = sorted(int(match[1]) for key in record.properties if (match := _ENTRY.fullmatch(key)))
    versions: dict[str, RegisteredVersion] = {}
    highest = 0
    for number in numbers:
        key = f"entry-{number}"
        entry = parse(record.id, key, record.properties.get(key), to_environment_entry)
        if entry is None:
            continue
        if entry.digest is not None and entry.version is not None:
            versions.setdefault(
                entry.version,
                RegisteredVersion(record.id, name, entry.version, entry.digest, entry.at),
            )
            if entry.version.isdecimal() and len(entry.version) < 10:
                highest = max(highest, int(entry.version))
        elif entry.gone:
            versions = {
                version: item
                for version, item in versions.items()
                if entry.version not in (None, version)
            }
        elif entry.version in versions:
            versions = {
                version: dataclasses.replace(
                    item,
                    labels=entry.labels
                    if version == entry.version
                    else tuple(label for label in item.labels if label not in entry.labels),
                )
                for version, item in versions.items()
            }
    return _History(record, name, tuple(versions.values()), highest, numbers[-1] if numbers else 0)


def _entry_text(entry: EnvironmentEntry) -> str:
    content = {
        "at": entry.at.isoformat(),
        "version": entry.version,
        "digest": entry.digest,
        "labels": list(entry.labels),
        "gone": entry.gone,
    }
    return json.dumps({key: value for key, value in content.items() if value})


def _alias(name: str) -> str:
    """The id of the run of an environment."""
    return to_run_id("environment", name)


def _file_name(digest: str) -> str:
    return f"definitions/{digest}.json"


def _now() -> datetime:
    return datetime.now(timezone.utc)
