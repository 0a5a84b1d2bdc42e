"""The folders of journals: one for each tracker, and in it one for each process."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlflow import file_lock
from amlflow.journal.record import CREATE, Record, files_of, record_of, to_line
from amlflow.journal.run_marks import RunMarks, file_name
from amlflow.journal.segment_files import (
    number_of,
    read_lines,
    segment_path,
    segments_in,
    to_disk,
)
from amlflow.spec import redacted
from amlflow.systems import BINARY, IS_WINDOWS, write_at_start

REFUSED = "refused"
DEAD = "dead"
_NOT_RENAMED = (FileNotFoundError, PermissionError) if IS_WINDOWS else (FileNotFoundError,)
"""Errors after which a finished folder stays. The next process removes it."""


def tracker_folder(journals: Path, uri: str) -> Path:
    """The folder of the journals for a tracker. Its name contains no password."""
    address = redacted(uri).rstrip("/")
    return journals / hashlib.sha256(address.encode()).hexdigest()[:20]


class ProcessFolder:
    """The folder of one process, and what is in it beside the records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = path / "files"
        self._lock: int | None = None
        self._sent_handle: int | None = None
        self._running = RunMarks(path / "running")
        self._runs: set[str] = set()

    # for the process that the folder belongs to

    @classmethod
    def make(cls, tracker: Path, uri: str, *, fsync: bool = False) -> ProcessFolder:
        """Make this process's folder. Others see it locked, or not at all.

        Windows cannot rename a folder that contains an open file, such as the lock. There the
        folder has its name at once. It gets its ``process.json`` after it is locked; without that
        file, other processes ignore the folder.

        Raises :class:`OSError`, and then leaves nothing behind.
        """
        name = uuid.uuid4().hex
        tracker.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = cls(tracker / (name if IS_WINDOWS else f".{name}"))
        try:
            return cls._stage(staging, cls(tracker / name), uri, fsync=fsync)
        except OSError:
            staging.release()
            shutil.rmtree(staging.path, ignore_errors=True)
            raise

    @classmethod
    def _stage(
        cls, staging: ProcessFolder, folder: ProcessFolder, uri: str, *, fsync: bool
    ) -> ProcessFolder:
        staging.path.mkdir(mode=0o700)
        (staging.path / "running").mkdir(mode=0o700)
        staging.take()
        about = {
            "pid": os.getpid(),
            "host": platform.node(),
            "boot": _read_boot_id(),
            "started": datetime.now(timezone.utc).isoformat(),
            "tracker": redacted(uri),
        }
        (staging.path / "process.json").write_text(json.dumps(about), encoding="utf-8")
        if fsync:  # without this file, nobody knows whose records these are
            to_disk(staging.path / "process.json")
        if staging.path != folder.path:
            os.rename(staging.path, folder.path)
        folder._lock = staging._lock
        return folder

    def take(self) -> bool:
        """Lock the folder. False if another process has locked it."""
        handle = file_lock.take(self.path / "lock")
        if handle is None:
            return False
        self._lock = handle
        return True

    def release(self) -> None:
        """Unlock the folder, so that other processes may take it."""
        for handle in (self._lock, self._sent_handle):
            if handle is not None:
                os.close(handle)
        self._lock = self._sent_handle = None

    def after_fork(self) -> None:
        """In a child process: close the handle of the parent's lock.

        Otherwise the folder would stay locked after the parent has died.
        """
        self.release()

    def damage(self) -> str | None:
        """Say what has happened to the folder since it was made. None if it is as it was."""
        if self._lock is None:
            return None
        try:
            lock = os.stat(self.path / "lock")
            os.stat(self.path / "process.json")
            running = self._running.names()
            sent_gone = self._sent_handle is not None and not os.fstat(self._sent_handle).st_nlink
        except FileNotFoundError:
            return "was removed"
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if not os.path.samestat(lock, os.fstat(self._lock)):
            return "was replaced"
        missing_names = set(map(file_name, self._runs)) - running
        return "was removed in part" if sent_gone or missing_names else None

    def successor(self, uri: str, *, fsync: bool) -> ProcessFolder:
        """Make another folder for this process, with its running runs. Raises :class:`OSError`."""
        folder = ProcessFolder.make(self.path.parent, uri, fsync=fsync)
        for run_id in self._runs:
            folder._running.add(run_id)
        folder._runs = self._runs
        return folder

    def leave_to_others(self) -> None:
        """Remove what is left of the folder, unless another process has replaced it."""
        with contextlib.suppress(OSError):
            if self._lock is not None and os.path.samestat(
                os.stat(self.path / "lock"), os.fstat(self._lock)
            ):
                self.remove()
        self.release()

    def remove(self) -> None:
        """Remove the folder. Call it when all records are sent."""
        trash = self.path.with_name(f".{self.path.name}.gone")
        if IS_WINDOWS:  # Windows does not rename it while its lock is open
            self.release()
        with contextlib.suppress(*_NOT_RENAMED):
            os.rename(self.path, trash)
        shutil.rmtree(trash, ignore_errors=True)
        self.release()

    def leave(self, records: list[Record], files: Path) -> None:
        """Write records into this folder, and move their files here from another folder."""
        # Write the records first: a folder without records is removed together with its files.
        with open(segment_path(self.path, 0), "wb", opener=_open_private) as file:
            file.writelines(map(to_line, records))
        self.files.mkdir(exist_ok=True, mode=0o700)
        for record in records:
            _move_files(record, files, self.files)

    # up to where the records are sent

    def sent_position(self) -> tuple[int, int]:
        """Return the position up to which all is sent: a segment's number, and an offset in it."""
        try:
            number, offset = (self.path / "sent").read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return 0, 0
        return int(number), int(offset)

    def note_sent(self, number: int, offset: int) -> None:
        if self._sent_handle is None:
            self._sent_handle = os.open(
                self.path / "sent", os.O_WRONLY | os.O_CREAT | BINARY, 0o600
            )
        write_at_start(self._sent_handle, b"%010d %012d\n" % (number, offset))

    def waiting(self) -> Iterator[list[bytes]]:
        """Yield all lines that are not sent, in batches, without their line ends."""
        for path in self.held_files():
            for lines, _ in _read_batches(path, 0):
                yield [to_line(entry[1])[:-1] for entry in filter(None, map(record_of, lines))]
        for lines, _, _ in self.unsent():
            yield lines

    def unsent(self) -> Iterator[tuple[list[bytes], int, int]]:
        """Yield the lines that are neither sent nor held, in batches.

        Each batch comes with the position after it: a segment's number, and an offset in it.
        """
        number, offset = self.sent_position()
        for path in segments_in(self.path):
            if number_of(path) >= number:
                start = offset if number_of(path) == number else 0
                for lines, end in _read_batches(path, start):
                    yield lines, number_of(path), end

    # held runs; see ``held.py``

    def held_file(self, number: int) -> Path:
        """Return the path of a held run's file. Makes its folder."""
        (self.path / "held").mkdir(exist_ok=True, mode=0o700)
        return segment_path(self.path / "held", number)

    def held_files(self) -> list[Path]:
        """List the files of held runs, oldest first."""
        return segments_in(self.path / "held")

    def holds(self, run_id: str) -> bool:
        """Whether records of a run are held."""
        word = json.dumps(run_id).encode()
        return any(
            word in line for path in self.held_files() for lines, _ in _read_batches(path, 0)
            for line in lines
        )  # fmt: skip

    # runs that the process has started and not ended

    def note_running(self, run_id: str) -> None:
        """Note a run that this process has started.

        Raises :class:`OSError`. The folder's successor notes the run then.
        """
        self._runs.add(run_id)
        self._running.add(run_id)

    def note_ended(self, run_id: str) -> None:
        """Note that a run has ended, or is marked as NotResponding."""
        self._runs.discard(run_id)
        # If the folder is gone, its successor does not have the note either.
        with contextlib.suppress(OSError):
            self._running.remove(run_id)

    def running(self) -> list[str]:
        """List the runs that the process has started and not ended."""
        return self._running.runs()

    # for other processes

    def about(self) -> dict[str, Any]:
        """Read the process's number, machine, start and tracker. Empty if that is not possible."""
        try:
            about = json.loads((self.path / "process.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return about if isinstance(about, dict) else {}

    def is_alive(self) -> bool:
        """Whether the process lives, or another one is sending its records now."""
        return file_lock.is_taken(self.path / "lock")

    def mentions(self, run_id: str) -> bool:
        """Whether records of this run wait here, or the process started it."""
        return (
            run_id in self.running() or self.holds(run_id) or self.last_waiting(run_id) is not None
        )

    def last_waiting(self, run_id: str) -> tuple[int, int] | None:
        """Return the position after the last waiting record of a run; None if no record waits."""
        position, word = None, json.dumps(run_id).encode()
        for lines, number, offset in self.unsent():
            if any(word in line for line in lines):
                position = number, offset
        return position

    def creates(self, run_id: str) -> bool:
        """Whether a run that was started during an outage waits here to be created."""
        word = b'["%b",%b,' % (CREATE.encode(), json.dumps(run_id).encode())
        return any(word in line for lines in self.waiting() for line in lines)


def _read_batches(path: Path, offset: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield the lines of a file in batches, each with the offset after it."""
    while True:
        try:
            lines, offset = read_lines(path, offset)
        except FileNotFoundError:  # its process has just sent and removed it
            return
        if not lines:
            return
        yield lines, offset


def process_folders(tracker: Path) -> list[ProcessFolder]:
    """List the folders of all processes that have a journal for a tracker."""
    try:
        with os.scandir(tracker) as entries:
            names = [entry.name for entry in entries if len(entry.name) == 32 and entry.is_dir()]
    except OSError:  # it does not exist, or belongs to another user
        return []
    return [ProcessFolder(tracker / name) for name in sorted(names)]


def dead_folders(tracker: Path, but: ProcessFolder | None = None) -> list[ProcessFolder]:
    """List the folders of dead processes of this machine, oldest first.

    The oldest comes first because of forks: a child that was forked during an outage logs to its
    parent's runs, and the records that create these runs are in the parent's folder.

    Folders of other machines are left out, as a lock in a shared folder only shows on its machine.
    """
    folders = [
        (str(about.get("started", "")), folder)
        for folder in process_folders(tracker)
        if (but is None or folder.path != but.path)
        and not folder.is_alive()
        and _is_here(about := folder.about())
    ]
    return [folder for _, folder in sorted(folders, key=lambda pair: pair[0])]


def _is_here(about: dict[str, Any]) -> bool:
    # A container has another host name than its machine, but the same boot id.
    return about.get("host") == platform.node() or (
        bool(about.get("boot")) and about.get("boot") == _read_boot_id()
    )


@functools.cache
def _read_boot_id() -> str:
    """Return an id of this boot of this machine. Empty if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def note_refused(folder: ProcessFolder, record: Record, reason: str) -> Path:
    """Keep a record that the tracker refuses, and its files. Returns the path."""
    target = folder.path.with_name(REFUSED)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    _move_files(record, folder.files, target)
    path = target / f"{folder.path.name}.jsonl"
    entry = {"refused": datetime.now(timezone.utc).isoformat(), "why": reason, "record": record}
    with open(path, "a", encoding="utf-8", opener=_open_private) as file:
        file.write(json.dumps(entry) + "\n")
    return path


def _move_files(record: Record, source: Path, target: Path) -> None:
    for name in files_of(record):
        with contextlib.suppress(FileNotFoundError):
            os.replace(source / name, target / name)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def note_dead(tracker: Path, run_id: str) -> None:
    """Remember a NotResponding run so that ``sync --close-dead`` can end it."""
    (tracker / DEAD).mkdir(exist_ok=True, mode=0o700)
    RunMarks(tracker / DEAD).add(run_id)


def list_dead(tracker: Path) -> list[str]:
    """List the runs that :func:`note_dead` has noted."""
    return RunMarks(tracker / DEAD).runs()


def forget_dead(tracker: Path, run_id: str) -> None:
    """Remove the note of :func:`note_dead`, as the run has ended."""
    RunMarks(tracker / DEAD).remove(run_id)
