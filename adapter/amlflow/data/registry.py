"""Registered data sets. The tracker keeps each version as a run of amlflow's own experiment.

The run has the id ``<name's hash>-<version>``. The tracker gives an id to one run only, so several
processes that register at the same time get different versions. Name, definition and version are
properties, which do not change. Tags and description are those of the run.
"""

from __future__ import annotations

import hashlib
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
"""Characters of a definition that is stored as a property. A longer one becomes a snapshot."""
MAX_TRIES = 100
_ENTRY = "definition.json"
_BROKEN = (
    zipfile.BadZipFile, KeyError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError,
    RuntimeError,
)  # fmt: skip
"""What zipfile and its decompressors raise of a damaged archive; NotImplementedError is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A version of a registered data set. One that was only saved has no name and no version."""

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
    """No data set has this name. It is also a KeyError: ``workspace.datasets`` is a mapping."""


class Registry:
    """The data sets of one tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._runs = OwnRuns(tracker, EXPERIMENT)

    # writing

    def save(self, definition: Definition) -> str:
        """Store a definition, unless it is stored already, and return its id."""
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
        """Register a definition as the next version of a name.

        ``writer`` is the id of the run that wrote the data. If the latest version already has this
        definition, no new version is made.

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
                        f"There is a data set {name!r} already, with another definition. Pass "
                        "create_new_version=True to register this one as the next version, or "
                        "choose another name."
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
            f"The data set {name!r} was not registered: in each of {MAX_TRIES} tries, another "
            "process registered the same version. Try again."
        )

    def _update_latest(
        self, run: RunRecord, description: str | None, tags: Mapping[str, str | None] | None
    ) -> Registration:
        """Update description and tags of the latest version, which has this definition already."""
        change = RunChange(description=description, tags=dict(tags or {}))
        if description is not None or tags:
            self._tracker.update_run(run.id, change)
        return self._registration_of(transition(run, change))

    def change(self, registration: Registration, change: RunChange) -> Registration:
        """Change tags or the description of a version, and return the version."""
        self._tracker.update_run(registration.run_id, change)
        return self._registration_of(self._tracker.get_run(registration.run_id))

    def unregister(self, name: str) -> int:
        """Unregister all versions of a name, and return their number.

        The definitions stay, so runs that used them still find them by id. A version's number is
        not used again.
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
            raise UnknownDataset(
                f"Data set {name!r} has no version {version}; it has "
                f"{', '.join(map(str, numbers[-20:]))}."
            )
        return self._registration_of(versions[numbers.index(version)])

    def by_id(self, id: str) -> Registration:
        """The data set with this id: a registered version if there is one, or the latest of them.

        A definition that was only saved, or was unregistered, has no name and no version.

        Raises:
            UserErrorException: no data set has the id.
        """
        condition = Condition("properties", Op.EQ, str(id), key=ID)
        runs = list(self._find(condition))
        if not runs:
            raise UserErrorException(f"A data set with the id {id!r} does not exist.")

        def order(run: RunRecord) -> tuple[bool, bool, int]:
            return GONE in run.system, NAME not in run.properties, -(_version_of(run) or 0)

        run = min(runs, key=order)
        registration = self._registration_of(run)
        if GONE in run.system:
            return replace(registration, name=None, version=None)
        return registration

    def read_all(self) -> list[Registration]:
        """All registered versions, by name and version. One that does not parse is left out."""
        runs = [
            run
            for run in self._find(Condition("properties", Op.HAS, key=NAME))
            if GONE not in run.system
        ]
        registrations = [item for item in map(self._read, runs) if item is not None]
        return sorted(registrations, key=lambda item: (item.name or "", item.version or 0))

    def _versions(self, name: str, with_gone: bool = False) -> list[RunRecord]:
        """The runs of a name's versions, the latest last. ``with_gone`` adds unregistered ones."""
        runs = [
            run
            for run in self._find(Condition("properties", Op.EQ, name, key=NAME))
            if _version_of(run) is not None and (with_gone or GONE not in run.system)
        ]
        return sorted(runs, key=lambda run: _version_of(run) or 0)

    def _find(self, condition: Condition) -> Iterator[RunRecord]:
        return self._runs.find([condition])

    def _properties(self, definition: Definition) -> dict[str, str]:
        """The properties that store a definition: its text, or the digest of a snapshot with it."""
        text = definition.to_json()
        if len(text) > MAX_DEFINITION:
            raise UserErrorException(
                f"The data set's definition has {len(text)} characters, which is more than "
                f"{MAX_DEFINITION}. Use a folder or a pattern in place of single paths."
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
    """The definition in an archive; empty if the archive has none or is damaged."""
    try:
        with zipfile.ZipFile(archive) as file, file.open(_ENTRY) as entry:
            return entry.read(4 * MAX_DEFINITION + 1)
    except _BROKEN:
        return b""


def check_name(name: object) -> None:
    """Raise UserErrorException if a value is not a valid name for a data set."""
    if (
        not isinstance(name, str)
        or not name.strip()
        or len(name) > MAX_NAME
        or not name.isprintable()
    ):
        raise UserErrorException(
            f"{str(name)[:80]!r} is not a valid name for a data set: use a text of 1 to {MAX_NAME} "
            "printable characters."
        )


def _version_of(run: RunRecord) -> int | None:
    return parse(run.id, VERSION, run.properties.get(VERSION), to_count)
