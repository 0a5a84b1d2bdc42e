"""Registered data sets, in the tracker: each version is a run of an experiment of amlflow's own.

The run has the id ``<name's hash>-<version>``, which the tracker gives to one run only, so of
several processes that register at the same time each gets a version of its own. Name, definition
and version are properties, which nobody changes; tags and description are the run's.
"""

from __future__ import annotations

import hashlib
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from amlflow.data.definition import (
    MAX_DEFINITION,
    Definition,
    check_for_tracker,
    parse_definition,
)
from amlflow.exceptions import UserErrorException
from amlflow.own_runs import OwnRuns, to_digest
from amlflow.spec import (
    Condition,
    Op,
    Refused,
    RunChange,
    RunRecord,
    Tracker,
    transition,
)
from amlflow.tracker_data import MAX_NAME, parse, to_count, to_name

EXPERIMENT = "amlflow.datasets"
NAME, VERSION, ID = "amlflow.dataset.name", "amlflow.dataset.version", "amlflow.dataset.id"
DEFINITION, DIGEST = "amlflow.dataset.definition", "amlflow.dataset.digest"
WRITER = "amlflow.dataset.run"
"""The run that wrote the data."""
GONE = "unregistered"
"""The note of a version that is not registered any more."""
MAX_PROPERTY = 4000
"""Characters of a definition that is kept as a property; a longer one is kept as a snapshot."""
MAX_TRIES = 100
_ENTRY = "definition.json"
_BROKEN = (
    zipfile.BadZipFile, KeyError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError,
    RuntimeError,
)  # fmt: skip
"""What zipfile and its decompressors raise of a damaged archive; NotImplementedError is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A version of a registered data set, or (without a name) one that was only saved."""

    run_id: str
    id: str
    name: str | None
    version: int | None
    definition: Definition
    created: datetime
    description: str | None
    tags: Mapping[str, str | None]
    by: str | None
    writer: str | None


class UnknownDataset(UserErrorException, KeyError):
    """No data set has this name. A KeyError too, as a lookup in a dict raises."""


class Registry:
    """The data sets of one tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._runs = OwnRuns(tracker, EXPERIMENT)

    # writing

    def save(self, definition: Definition) -> str:
        """Keep a definition, if it is not kept yet; its id is returned."""
        check_for_tracker(definition)
        run_id = f"saved-{definition.id}"
        if self._runs.get(run_id) is None:
            properties = self._properties(definition)
            self._runs.create(run_id, name=definition.id, properties=properties)
        return definition.id

    def register(
        self,
        definition: Definition,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        create_new_version: bool = False,
        writer: str | None = None,
    ) -> Registration:
        """Register a definition as the next version of a name; ``writer`` is the run that made it.

        A definition that is the latest version already stays that version.

        Raises:
            UserErrorException: the name has another definition, and ``create_new_version`` is
                False.
        """
        check_name(name)
        check_for_tracker(definition)
        for _ in range(MAX_TRIES):
            versions = self._versions(name, with_gone=True)
            latest = next((run for run in reversed(versions) if GONE not in run.system), None)
            if latest is not None:
                if latest.properties.get(ID) == definition.id:
                    return self._update_latest(latest, description, tags)
                if not create_new_version:
                    raise UserErrorException(
                        f"There is a data set {name!r} already, with another definition; pass "
                        "create_new_version=True to register this as its next version, or choose "
                        "another name."
                    )
            number = 1 + max((_version_of(run) or 0 for run in versions), default=0)
            properties = {**self._properties(definition), NAME: name, VERSION: str(number)}
            if writer is not None:
                properties[WRITER] = writer
            run = self._runs.create(
                f"{to_digest(name)}-{number}",
                name=name,
                description=description,
                tags=dict(tags or {}),
                properties=properties,
            )
            if run is not None:
                return self._registration_of(run)
            # Another process has registered this version.
        raise UserErrorException(
            f"The data set {name!r} was not registered: others registered versions of it all the "
            "time. Try again."
        )

    def _update_latest(
        self, run: RunRecord, description: str | None, tags: Mapping[str, str | None] | None
    ) -> Registration:
        """The latest version, which is this definition, with what is new about it."""
        change = RunChange(description=description, tags=dict(tags or {}))
        if description is not None or tags:
            self._tracker.update_run(run.id, change)
        return self._registration_of(transition(run, change))

    def change(self, registration: Registration, change: RunChange) -> Registration:
        """Change tags or description of a version."""
        self._tracker.update_run(registration.run_id, change)
        return self._registration_of(self._tracker.get_run(registration.run_id))

    def unregister(self, name: str) -> int:
        """Take all versions of a name away; how many there were is returned.

        What runs have read stays known, so a number is not used a second time.
        """
        versions = self._versions(name)
        time = datetime.now(timezone.utc).isoformat()
        for run in versions:
            self._tracker.update_run(run.id, RunChange(system={GONE: time}))
        return len(versions)

    # reading

    def by_name(self, name: str, version: int | None = None) -> Registration:
        """A version of a name, or the latest. Raises UserErrorException if it does not exist."""
        check_name(name)
        versions = self._versions(name)
        numbers = [_version_of(run) for run in versions]
        if not versions:
            raise UnknownDataset(
                f"Data set {name!r} does not exist. `amlflow dataset list` shows those that do."
            )
        if version is None:
            return self._registration_of(versions[-1])
        if version not in numbers:
            raise UserErrorException(
                f"Data set {name!r} has no version {version}; it has "
                f"{', '.join(map(str, numbers[-20:]))}."
            )
        return self._registration_of(versions[numbers.index(version)])

    def by_id(self, id: str) -> Registration:
        """The data set of an id. Raises UserErrorException if it does not exist."""
        condition = Condition("properties", Op.EQ, str(id), key=ID)
        runs = [run for run in self._find(condition) if GONE not in run.system]
        runs.sort(key=lambda run: (NAME not in run.properties, -(_version_of(run) or 0)))
        if not runs:
            raise UserErrorException(f"A data set with the id {id!r} does not exist.")
        return self._registration_of(runs[0])

    def read_all(self) -> list[Registration]:
        """All registered versions, by name and version; what does not parse is left out."""
        runs = [
            run
            for run in self._find(Condition("properties", Op.HAS, key=NAME))
            if GONE not in run.system
        ]
        registrations = [item for item in map(self._read, runs) if item is not None]
        return sorted(registrations, key=lambda item: (item.name or "", item.version or 0))

    def _versions(self, name: str, with_gone: bool = False) -> list[RunRecord]:
        """The runs of a name's versions, the latest last."""
        runs = [
            run
            for run in self._find(Condition("properties", Op.EQ, name, key=NAME))
            if _version_of(run) is not None and (with_gone or GONE not in run.system)
        ]
        return sorted(runs, key=lambda run: _version_of(run) or 0)

    def _find(self, condition: Condition) -> Iterator[RunRecord]:
        return self._runs.find([condition])

    def _properties(self, definition: Definition) -> dict[str, str]:
        """What says the definition: its text, or the digest of the snapshot that has the text."""
        text = definition.to_json()
        if len(text) > MAX_DEFINITION:
            raise UserErrorException(
                f"The data set's definition has {len(text)} characters, and at most "
                f"{MAX_DEFINITION} are kept; use a folder or a pattern in place of single paths."
            )
        is_short = len(text) <= MAX_PROPERTY
        text_or_digest = {DEFINITION: text} if is_short else {DIGEST: self._store(text)}
        return {ID: definition.id, **text_or_digest}

    def _store(self, text: str) -> str:
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        if not self._tracker.has_snapshot(digest):
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder) / "definition.zip"
                with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                    file.writestr(zipfile.ZipInfo(_ENTRY), content)
                self._tracker.put_snapshot(digest, archive)
        return digest

    def _text_of(self, run: RunRecord) -> str | None:
        digest = run.properties.get(DIGEST)
        if digest is None:
            return run.properties.get(DEFINITION)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "definition.zip"
            self._tracker.get_snapshot(digest, archive)
            content = _read_entry(archive)
        if hashlib.sha256(content).hexdigest() != digest:
            return ""
        return content.decode("utf-8", "replace")

    def _read(self, run: RunRecord) -> Registration | None:
        try:
            text = self._text_of(run)
        except Refused:  # the snapshot is not there
            text = ""
        definition = parse(run.id, DEFINITION, text, parse_definition)
        if definition is None:
            return None
        return Registration(
            run_id=run.id,
            id=definition.id,
            name=parse(run.id, NAME, run.properties.get(NAME), to_name),
            version=_version_of(run),
            definition=definition,
            created=run.created,
            description=run.description,
            tags=dict(run.tags),
            by=run.user,
            writer=parse(run.id, WRITER, run.properties.get(WRITER), to_name),
        )

    def _registration_of(self, run: RunRecord) -> Registration:
        registration = self._read(run)
        if registration is None:
            raise UserErrorException(
                f"The data set {run.name!r} is registered with a definition that amlflow cannot "
                "read. Register it again with create_new_version=True."
            )
        return registration


def _read_entry(archive: Path) -> bytes:
    """The definition in an archive; nothing where it is not such an archive."""
    try:
        with zipfile.ZipFile(archive) as file, file.open(_ENTRY) as entry:
            return entry.read(4 * MAX_DEFINITION + 1)
    except _BROKEN:
        return b""


def check_name(name: object) -> None:
    """Raise UserErrorException for what is not a name of a data set."""
    if (
        not isinstance(name, str)
        or not name.strip()
        or len(name) > MAX_NAME
        or not name.isprintable()
    ):
        raise UserErrorException(
            f"{str(name)[:80]!r} is not a name for a data set: it is a text of 1 to {MAX_NAME} "
            "printable characters."
        )


def _version_of(run: RunRecord) -> int | None:
    return parse(run.id, VERSION, run.properties.get(VERSION), to_count)
