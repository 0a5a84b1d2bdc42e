"""Sends records to a tracker: in the order of each run, with many points in one call.

One delivery sends a record once. After a crash, another delivery may send it again, and the tracker
stores it once.

A record that the tracker refuses delays nothing else. If the tracker does not accept a run for now,
only the records of that run wait. The same holds for a call that keeps failing although the tracker
answers other calls.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.folder import ProcessFolder, process_folders
from amlflow.journal.held import HeldRuns
from amlflow.journal.offline_runs import LocalIds, is_local
from amlflow.journal.record import (
    CHANGE,
    CREATE,
    FILES,
    LOST,
    POINT,
    SNAPSHOT,
    Numbered,
    Record,
    run_of,
    size_of_copy,
    to_change,
    to_point,
)
from amlflow.spec import (
    COMPLETED_WITH_ERRORS,
    FINAL,
    Refused,
    RunNotFound,
    TooLarge,
    Tracker,
    Unavailable,
    tried_once,
)

logger = logging.getLogger("amlflow")

AWAY = (Unavailable, AuthenticationException)
"""After these errors the same call may succeed later. Every other error is a refusal."""

TRIED_AGAIN_AFTER = 16
"""After so many calls of the largest size that the tracker accepts, try twice the size."""

MAX_TRIES = 6
"""After so many failures of one call, ask the tracker something else: it may be up after all.

That many tries take some seconds.
"""

Refusal = Callable[[int, Record, AzureMLException], None]
"""Called with a record that the tracker refuses: its number, the record, the error."""


@dataclass(slots=True)
class Call:
    """One call of the tracker, with the records that it sends."""

    kind: str
    run_id: str | None
    records: list[Numbered] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The size of the records in the journal, in bytes."""
        return sum(record.size for record in self.records)

    def halves(self) -> list[Call]:
        """Return two calls that send the same together, or none if the call is not divisible."""
        if len(self.records) > 1:
            middle = len(self.records) // 2
            parts = [self.records[:middle], self.records[middle:]]
            return [Call(self.kind, self.run_id, part) for part in parts]
        number, record, size = self.records[0]
        if self.kind != FILES or len(record[2]) < 2:
            return []
        names = list(record[2].items())
        middle = len(names) // 2
        return [
            Call(FILES, self.run_id, [Numbered(number, [*record[:2], dict(part), record[3]], size)])
            for part in (names[:middle], names[middle:])
        ]

    def needs(self) -> set[str]:
        """Return the ids of the runs that must exist before this call."""
        run_ids = {self.run_id or ""}
        if self.kind == CREATE:
            draft = self.records[0].record[2]
            run_ids |= {draft.get("parent_id"), draft.get("root_id")} - {None}
        return run_ids


def calls_of(records: Iterable[Numbered]) -> deque[Call]:
    """Turn records into calls. The points of a run between two of its changes are one call."""
    calls: deque[Call] = deque()
    last_calls: dict[str, Call] = {}
    for entry in records:
        kind, run_id = entry.record[0], run_of(entry.record)
        if run_id is None or kind == CREATE:
            last_calls.clear()  # each later record may depend on it
            calls.append(Call(kind, run_id, [entry]))
            continue
        call = last_calls.get(run_id)
        if (
            call is None
            or kind != POINT
            or call.kind != POINT
            or call.records[0].record[2] != entry.record[2]  # another writer
        ):
            call = Call(kind, run_id)
            calls.append(call)
            last_calls[run_id] = call
        call.records.append(entry)
    return calls


class Delivery:
    """Sends the records of one process, which are in a folder."""

    def __init__(
        self,
        tracker: Callable[[], Tracker],
        folder: ProcessFolder,
        ids: LocalIds,
        refused: Refusal,
        *,
        fsync: bool = False,
        check: Callable[[], None] = lambda: None,
        max_tries: int = MAX_TRIES,
    ) -> None:
        """Keep the arguments. ``check`` replaces the folder if it does not exist any more."""
        self._tracker, self._ids = tracker, ids
        self._max_tries, self._tries, self._tried = max_tries, 0, 0
        self._on_refused, self._check = refused, check
        self._most_bytes, self._passed_bytes, self._passed = sys.maxsize, 0, 0
        self.folder = folder
        self.held = HeldRuns(folder, fsync=fsync)
        self.files: list[str] = []
        """Copies in ``files/`` that are sent. Remove them once the position is noted."""
        self.late = False
        """Whether another process may have ended the runs since these records were written."""

    def bring(
        self, calls: deque[Call], answered: Callable[[int], None] = lambda count: None
    ) -> None:
        """Make the calls, and remove each from ``calls`` when it is made.

        A call is held if the tracker forbids it, or if it keeps failing while the tracker answers
        other calls. ``answered`` is called after each answer, with the number of records that are
        done.

        Raises :class:`Unavailable` at the first call that may succeed later.
        """
        with tried_once():
            tracker = self._open()
            while calls:
                if self._is_held(calls[0]):
                    self._hold(calls.popleft(), None)
                    continue
                try:
                    self._bring_first(tracker, calls, answered)
                except AuthenticationException as error:
                    self._hold(calls.popleft(), error)
                except Unavailable as error:
                    if not self._is_stuck(tracker, calls[0], error):
                        raise
                    if not self._divide(calls):
                        self._hold(calls.popleft(), error)

    def _is_stuck(self, tracker: Tracker, call: Call, error: Unavailable) -> bool:
        """Whether a call has failed often although the tracker answers a question about its run.

        A tracker that asks to wait is busy, not stuck.
        """
        number = call.records[0].number
        self._tries = self._tries + 1 if number == self._tried else 1
        self._tried = number
        if self._tries < self._max_tries or error.retry_after is not None:
            return False
        try:
            if call.kind == SNAPSHOT:
                tracker.has_snapshot(call.records[0].record[2])
            else:
                tracker.get_run(self._tracker_id(call.run_id or ""))
        except RunNotFound:  # also an answer: perhaps this run is what cannot be created
            return True
        except AzureMLException:
            return False
        return True

    def bring_held(self, answered: Callable[[int], None] = lambda count: None) -> bool:
        """Send held records until the tracker rejects one of them again.

        Returns whether nothing is held any more. Raises :class:`Unavailable`.
        """
        with tried_once():
            tracker = self._open()
            for run_id in self.held:
                try:
                    self._bring_run(tracker, run_id, answered)
                except AWAY as error:
                    was_forbidden = isinstance(self.held.error(run_id), AuthenticationException)
                    if isinstance(error, Unavailable) and was_forbidden:
                        raise
                    self.held.postpone(run_id, error)
                    return False
        return not self.held.count

    def _bring_run(self, tracker: Tracker, run_id: str, answered: Callable[[int], None]) -> None:
        """Send the held records of a run, unless it needs another run that is held."""
        files_before, self.files = self.files, []
        try:
            for records in self.held.waiting(run_id):
                calls = calls_of(records)
                try:
                    while calls:
                        if self._is_held(calls[0], but=run_id):
                            return
                        self._bring_first(tracker, calls, answered)
                finally:
                    # Skip what was sent. Otherwise the next try would have to send all of it again.
                    if calls:
                        self.held.skip(run_id, records, calls[0].records[0].number)
        finally:
            self.held.note_files(run_id, self.files)
            self.files = files_before
        self.files += self.held.release(run_id)

    def _open(self) -> Tracker:
        """Open the tracker. If that fails, no record is to blame, so it counts as an outage."""
        try:
            return self._tracker()
        except AWAY:
            raise
        except Exception as error:
            why = error.message if isinstance(error, AzureMLException) else repr(error)
            raise Unavailable(f"The tracker cannot be opened: {why}") from error

    def _is_held(self, call: Call, but: str | None = None) -> bool:
        """Whether a run that the call needs is held."""
        needs = {self._tracker_id(run_id) for run_id in call.needs()}
        return any(self._tracker_id(run_id) in needs for run_id in self.held if run_id != but)

    def _tracker_id(self, run_id: str) -> str:
        return self._ids.find(run_id) or run_id

    def _hold(self, call: Call, error: AzureMLException | None) -> None:
        self.held.hold(self._tracker_id(call.run_id or ""), call.records, error)

    def _bring_first(
        self, tracker: Tracker, calls: deque[Call], answered: Callable[[int], None]
    ) -> None:
        """Make the first call, or divide it if the tracker may accept a part of it.

        Raises the errors in :data:`AWAY`.
        """
        call = calls[0]
        if call.size > self._most_bytes and self._divide(calls):
            return
        try:
            self._make(tracker, call)
        except AWAY:
            raise
        except ImportError as error:  # the installation is at fault, not the record
            raise Unavailable(
                f"The tracker's plugin cannot import what it needs: {error}."
            ) from error
        except RunNotFound as error:
            self._refuse(call, error)
        except AzureMLException as error:
            if isinstance(error, TooLarge) and call.kind == POINT and len(call.records) > 1:
                self._note_too_large(call.size)
            if self._divide(calls):
                answered(0)
                return
            self._refuse(call, error)
        except Exception as error:  # a plugin may raise any error
            logger.exception("The tracker's plugin failed.")
            if self._divide(calls):
                return
            self._refuse(call, Refused(f"The tracker's plugin failed: {error!r}"))
        else:
            if call.kind == POINT:
                self._note_passed(call.size)
        calls.popleft()
        answered(len(call.records))

    def _note_too_large(self, size: int) -> None:
        """Send fewer bytes at once from now on."""
        # Do not go below a size that was accepted, unless the tracker now accepts less.
        if size <= self._passed_bytes:
            self._passed_bytes = 0
        self._most_bytes, self._passed = max(size // 2, self._passed_bytes), 0

    def _note_passed(self, size: int) -> None:
        """Note that the tracker has accepted so many bytes, and after a while try more."""
        self._passed_bytes = max(self._passed_bytes, size)
        if size > self._most_bytes // 2:  # smaller calls say nothing about a larger limit
            self._passed += 1
        if self._passed >= TRIED_AGAIN_AFTER:
            self._most_bytes, self._passed = self._most_bytes * 2, 0

    @staticmethod
    def _divide(calls: deque[Call]) -> bool:
        """Replace the first call by its halves. Returns whether it could be divided."""
        halves = calls[0].halves()
        if halves:
            calls.popleft()
            calls.extendleft(reversed(halves))
        return bool(halves)

    def _refuse(self, call: Call, error: AzureMLException) -> None:
        for number, record, _ in call.records:
            self._on_refused(number, record, error)
        if call.kind == CREATE and call.run_id is not None:
            self._ids.note_lost(call.run_id, error)

    def _make(self, tracker: Tracker, call: Call) -> None:
        record = call.records[0].record
        if call.kind == LOST:
            raise Refused("It was removed or cut on this machine's disk before it was sent.")
        if call.kind == SNAPSHOT:
            _, _, digest, name = record
            if not tracker.has_snapshot(digest):
                tracker.put_snapshot(digest, self._find_copy(name))
            self.files.append(name)
            return
        if call.kind == CREATE:
            self._ids.create(tracker, record)
            return
        run_id = self._find_run(tracker, record[1])
        if call.kind == POINT:
            tracker.write_points(run_id, [to_point(entry.record) for entry in call.records])
        elif call.kind == CHANGE:
            change = to_change(record)
            # Do not change a run that another process has ended.
            if self.late and change.status is not None:
                status = tracker.get_run(run_id).status
                if status in FINAL and (status, change.status) != COMPLETED_WITH_ERRORS:
                    return
            tracker.update_run(run_id, change)
        elif call.kind == FILES:
            self._put_files(tracker, run_id, record)

    def _put_files(self, tracker: Tracker, run_id: str, record: Record) -> None:
        _, _, names, replace = record
        # An earlier call without an answer may have stored them already.
        replace = replace or is_local(record[1])
        files = {name: self._find_copy(copy_name) for name, copy_name in names.items()}
        try:
            tracker.put_files(run_id, files, replace=replace)
        except Unavailable:
            raise
        except Exception:
            if all(map(self._is_whole, names.values())):
                raise
            files = {name: self._find_copy(copy_name) for name, copy_name in names.items()}
            tracker.put_files(run_id, files, replace=replace)
        self.files += names.values()

    def _find_copy(self, name: str) -> Path:
        """Return the path of a file's copy. Raises :class:`Refused` if it is not complete."""
        if not self._is_whole(name):
            self._check()  # if the folder was replaced, the copy is in the new one
        if not self._is_whole(name):
            raise Refused(
                "The copy of the file that waited on this machine's disk was removed or cut before "
                "it was sent."
            )
        return self.folder.files / name

    def _is_whole(self, name: str) -> bool:
        try:
            size = (self.folder.files / name).stat().st_size
        except OSError:
            return False
        return size_of_copy(name) in (None, size)

    def _find_run(self, tracker: Tracker, run_id: str) -> str:
        try:
            return self._ids.of(tracker, run_id)
        except RunNotFound:
            if self._ids.is_lost(run_id) or not any(
                folder.creates(run_id) for folder in process_folders(self.folder.path.parent)
            ):
                raise
            raise Unavailable("The run's own process has not made it there yet.") from None
