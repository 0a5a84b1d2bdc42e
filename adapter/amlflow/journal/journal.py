"""The journal of this process for one tracker, from its first record to its end."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from amlflow.exceptions import AzureMLException, ServiceException, UserErrorException
from amlflow.journal.delivery import AWAY
from amlflow.journal.folder import (
    ProcessFolder,
    dead_folders,
    note_refused,
    process_folders,
    tracker_folder,
)
from amlflow.journal.offline_runs import LocalIds, display_id, display_owner
from amlflow.journal.record import (
    CREATE,
    FILES,
    LOST,
    POINT,
    SNAPSHOT,
    Record,
    name_for_copy,
    record_of,
    to_line,
)
from amlflow.journal.recovery import recover
from amlflow.journal.sender import Sender, Ticket
from amlflow.journal.settings import JournalSettings
from amlflow.spec import JOB, Tracker, Unavailable

logger = logging.getLogger("amlflow")


@dataclass(slots=True)
class Refused:
    """What the tracker refused of a run: how many records, why, and what they were."""

    count: int = 0
    why: Counter[str] = field(default_factory=Counter)
    names: dict[str, None] = field(default_factory=dict)


MAX_NAMES = 3
"""How many names of refused records an error message shows."""


def count_of(number: int) -> str:
    """Say a number of records: "1 record" or "2 records"."""
    return "1 record" if number == 1 else f"{number} records"


def have_not(number: int) -> str:
    """Begin a sentence about records that have not arrived."""
    return f"{count_of(number)} {'has' if number == 1 else 'have'} not reached the tracker"


def name_of(record: Record) -> str:
    """Return what a message calls a record, such as "metric 'loss'"."""
    if record[0] == POINT:
        return f"metric {record[3]!r}"
    if record[0] == FILES:
        return f"file {next(iter(record[2]))!r}"
    if record[0] == SNAPSHOT:
        return "a snapshot"
    if record[0] == CREATE:
        return "the run itself"
    if isinstance(record[2], dict):
        return ", ".join(sorted(record[2].keys() - {"ended"})).replace("_", " ")
    return str(record[0])


class Journal:
    """The journal: writes records, sends them, waits for them. ``tracker`` opens the tracker."""

    def __init__(self, uri: str, settings: JournalSettings, tracker: Callable[[], Tracker]) -> None:
        self._uri, self._settings, self._tracker = uri, settings, tracker
        self._journals = tracker_folder(settings.folder, uri)
        self._starting = threading.Lock()
        self._refusals: dict[str, Refused] = {}
        self._lost_count = 0
        self._runs_told_lost: set[str] = set()
        self._refusing = threading.Lock()
        self._interrupted = False
        self._is_reported = False
        self._recovery: threading.Thread | None = None
        self._dead_runs: dict[Path, list[str]] = {}
        self.ids = LocalIds()
        self.running_sender: Sender | None = None
        """The sender; None until the first record."""

    def begin(self) -> None:
        """Make the journal's folder and start to send, if that has not happened yet.

        Raises :class:`ServiceException` if the folder cannot be made.
        """
        self.sender()

    def sender(self) -> Sender:
        """Return the sender. The first call starts it."""
        if self.running_sender is None:
            with self._starting:
                if self.running_sender is None:
                    self.running_sender = self._start()
        return self.running_sender

    def _start(self) -> Sender:
        try:
            folder = ProcessFolder.make(self._journals, self._uri, fsync=self._settings.fsync)
        except OSError as error:
            raise ServiceException(
                f"The journal cannot be kept in {self._journals} ({error.strerror or error}). Set "
                "AMLFLOW_JOURNAL_FOLDER to a folder that you may write to, or set "
                "AMLFLOW_JOURNAL=off."
            ) from error
        sender = Sender(
            self._uri,
            folder,
            self._settings,
            self._tracker,
            self.ids,
            self._on_refused,
            self._recover_aside,
        )
        sender.start()
        self._recover_aside()
        return sender

    # writing

    def write_line(self, line: bytes) -> int:
        """Write the line of a record. Returns its number. Raises :class:`JournalFull`."""
        return (self.running_sender or self.sender()).write(line)

    def write(self, record: Record) -> int:
        """Write a record. Returns its number. Raises :class:`JournalFull`."""
        return self.write_line(to_line(record))

    def write_awaited(self, record: Record) -> Ticket:
        """Write a record and get a ticket for it.

        Wait for the ticket's number, then call :meth:`collect` and :meth:`forget`.
        """
        return self.sender().write_awaited(to_line(record))

    def collect(self, ticket: Ticket) -> None:
        """Raise the error with which the tracker refused an awaited record, if it did."""
        if ticket.error is not None:
            raise ticket.error

    def forget(self, ticket: Ticket) -> None:
        """Drop a ticket."""
        self.sender().forget(ticket)

    def keep_file(self, path: Path) -> str:
        """Copy a file that is to be sent. Returns the copy's name. Raises :class:`JournalFull`."""
        name = name_for_copy(path.stat().st_size)
        self.sender().keep_file(path, name)
        return name

    def copy_path(self, name: str) -> Path:
        """Return the path of the copy of a file that waits for the tracker."""
        return self.sender().copy_path(name)

    def waiting_records(self) -> Iterator[Record]:
        """Yield the records of this process that are not sent, in order."""
        for lines in self.sender().folder.waiting():
            yield from filter(None, map(record_of, lines))

    def tracker_id(self, run_id: str) -> str | None:
        """Return the tracker's id of a run. None if it was started offline and is not sent yet."""
        return self.ids.find(run_id)

    def note_running(self, run_id: str) -> None:
        """Note that this process has started a run."""
        self.sender().note_running(run_id)

    def note_ended(self, run_id: str) -> None:
        """Note that a run has ended."""
        if self._folder is not None:
            self._folder.note_ended(run_id)

    def hurry(self) -> None:
        """Send what waits now, without waiting for more."""
        if self.running_sender is not None:
            self.running_sender.hurry()

    @property
    def _folder(self) -> ProcessFolder | None:
        return None if self.running_sender is None else self.running_sender.folder

    @property
    def away(self) -> AzureMLException | None:
        """The error of the last call while the tracker is away; None while it answers."""
        return None if self.running_sender is None else self.running_sender.away

    # records of other processes

    def dead_runs(self) -> set[str]:
        """Return the runs that dead processes of this machine have not ended.

        The first call that finds such a process also starts to send its records, in the background.
        """
        folders = dead_folders(self._journals, self._folder)
        runs_by_path = {**self._dead_runs, **{folder.path: folder.running() for folder in folders}}
        # Keep a known dead folder: while another process sends its records, it looks alive.
        self._dead_runs = runs_by_path = {
            path: runs for path, runs in runs_by_path.items() if path.exists()
        }
        if folders and self._recovery is None:
            self._recover_aside()
        return {run for runs in runs_by_path.values() for run in runs}

    def recover(self, of_run: str | None = None) -> None:
        """Send the records of dead processes. Raises :class:`Unavailable`."""
        recover(self._journals, self._tracker, but=self._folder, of_run=of_run)

    def settle(self, run_id: str, seconds: float) -> None:
        """Wait until this machine's other processes have sent what they logged to a run.

        The records of dead processes are sent here. Living processes get some seconds.
        """
        if not self._list_others():
            return
        with contextlib.suppress(*AWAY):
            self.recover(run_id)
        deadline = time.monotonic() + seconds
        for folder in self._list_others():
            last = folder.last_waiting(run_id) or (0, 0)
            while (folder.sent_position() < last or folder.holds(run_id)) and folder.path.exists():
                if not folder.is_alive():
                    with contextlib.suppress(*AWAY):
                        self.recover(run_id)
                    break
                if time.monotonic() > deadline:
                    logger.warning(
                        "What the process %s has logged to run %s is not in the tracker yet.",
                        folder.about().get("pid"), display_id(run_id),
                    )  # fmt: skip
                    break
                time.sleep(0.01)

    def _list_others(self) -> list[ProcessFolder]:
        own_path = None if self._folder is None else self._folder.path
        return [folder for folder in process_folders(self._journals) if folder.path != own_path]

    def _recover_aside(self) -> None:
        """Run :meth:`recover` in a background thread, which :meth:`close` joins."""

        def go() -> None:
            try:
                self.recover()
            except AWAY:  # a later process sends them
                pass
            except Exception:  # such as a folder that cannot be read
                logger.exception("What processes have left in %s is not sent.", self._journals)

        thread = threading.Thread(target=go, name="amlflow-recovery", daemon=True)
        thread.start()
        self._recovery = thread

    # refused records

    def _on_refused(self, number: int, record: Record, error: AzureMLException) -> None:
        if record[0] == LOST:
            if not self._lost_count:
                logger.error("Something that was logged is lost: %s", error.message)
            self._lost_count += 1
            return
        sender = self.sender()
        if sender.tell_refused(number, error):
            return
        path = note_refused(sender.folder, record, error.message)
        run_id = record[1]
        with self._refusing:
            refusal = self._refusals.setdefault(run_id, Refused())
            is_first = not refusal.count
            refusal.count += 1
            refusal.why[f"{error.message} The refused records are kept in {path}."] += 1
            refusal.names[name_of(record)] = None
        if is_first:
            logger.error(
                "The tracker refused what was logged to %s (%s); it is kept in %s: %s",
                display_owner(run_id), name_of(record), path, error.message,
            )  # fmt: skip

    def raise_refused(self, run_id: str) -> None:
        """Raise an error, once, if records of the run were refused or lost.

        Raises:
            UserErrorException: the tracker refused some.
            ServiceException: some were removed from the disk before they were sent.
        """
        with self._refusing:
            refusal = self._refusals.pop(run_id, None)
            lost_count = self._lost_count if run_id not in self._runs_told_lost else 0
            if lost_count:
                self._runs_told_lost.add(run_id)
        if refusal is not None:
            [(why, _)] = refusal.why.most_common(1)
            names = ", ".join(list(refusal.names)[:MAX_NAMES])
            suffix = " and others" if len(refusal.names) > MAX_NAMES else ""
            raise UserErrorException(
                f"{refusal.count} of the records logged to {display_owner(run_id)} "
                f"({names}{suffix}) "
                f"{'was' if refusal.count == 1 else 'were'} refused by the tracker, the others are "
                f"there: {why}"
            )
        if lost_count:
            raise ServiceException(
                f"{count_of(lost_count)} of this process, perhaps of {display_owner(run_id)}, "
                f"{'was' if lost_count == 1 else 'were'} removed from {self._journals} by "
                "another program before they were sent. All other records are in the tracker. Set "
                "AMLFLOW_JOURNAL_FOLDER to a folder that no program cleans up."
            )

    # waiting

    def wait(
        self,
        number: int | None = None,
        seconds: float | None = None,
        run_id: str | None = None,
    ) -> None:
        """Wait until all records up to a number are in the tracker (default: all records).

        With ``run_id``, held records of other runs are not waited for.

        Raises :class:`Unavailable` if they have not arrived after some seconds (default:
        ``AMLFLOW_FLUSH_SECONDS``).
        """
        sender = self.running_sender
        if sender is None:
            return
        target = sender.written if number is None else number
        limit = self._settings.flush_seconds if seconds is None else seconds
        try:
            arrived = sender.wait(target, limit, run_id=run_id)
        except KeyboardInterrupt:
            self._interrupted = True  # so close() does not wait either
            raise
        if not arrived:
            obstacle = sender.obstacle(target, run_id)
            why = f" ({obstacle.message})" if obstacle is not None else ""
            count = max(1, sender.waiting(target))
            raise Unavailable(
                f"{have_not(count)} within {round(limit, 1):g} s{why}. "
                f"{'It waits' if count == 1 else 'They wait'} in {self._journals} and "
                f"{'is' if count == 1 else 'are'} sent when it is back, by this process, the next "
                "one or `amlflow sync`."
            )

    def wait_briefly(
        self, number: int, seconds: float, run_id: str | None = None, *, any_run: bool = False
    ) -> bool:
        """Whether all records up to a number arrive within some seconds. An outage ends the wait.

        With ``any_run``, held records are not waited for.
        """
        sender = self.running_sender
        return sender is None or sender.wait(
            number, seconds, run_id=run_id, through_outage=False, through_held=any_run
        )

    def obstacle(self, number: int, run_id: str | None) -> AzureMLException | None:
        """Return the known reason why a record is not in the tracker; None if there is none."""
        return None if self.running_sender is None else self.running_sender.obstacle(number, run_id)

    @property
    def written(self) -> int:
        """How many records this process has written."""
        return 0 if self.running_sender is None else self.running_sender.written

    @property
    def done(self) -> int:
        """How many of them are sent, refused or held."""
        return 0 if self.running_sender is None else self.running_sender.done

    def finish(self) -> None:
        """Wait for all records, as a command does before it ends.

        Raises :class:`Unavailable` if they do not arrive. :meth:`close` does not wait again then.
        """
        try:
            self.wait()
        except Unavailable:
            self._interrupted = self._is_reported = True
            raise

    # the end of the process

    def close(self) -> None:
        """Send what is left, within ``AMLFLOW_EXIT_SECONDS``. Call it when the process ends."""
        deadline = time.monotonic() + (0.0 if self._interrupted else self._settings.exit_seconds)
        sender = self.running_sender
        arrived, total = False, 0
        try:
            if self._recovery is not None:
                self._recovery.join(max(0.0, deadline - time.monotonic()))
            if sender is None:
                return
            total = sender.seal()  # from now on, a thread that still logs gets an error
            arrived = sender.wait(total, max(0.0, deadline - time.monotonic()))
        except KeyboardInterrupt:  # do not wait
            if sender is None:
                return
        sender.stop(1.0 if arrived else 0.0)
        if not arrived:
            self._say_what_waits(sender, max(1, sender.waiting(total)))
        elif not (sender.folder.running() and hasattr(sys, "last_value")):
            # After an uncaught error the folder stays, so that the next process finds its runs.
            sender.forget_files()  # first, as Windows does not remove an open file
            sender.folder.remove()

    def _say_what_waits(self, sender: Sender, count: int) -> None:
        """Log at the end that some records are not sent."""
        if sender.is_homeless:
            logger.error(
                "%s and %s lost: the journal's folder is gone.",
                have_not(count), "is" if count == 1 else "are",
            )  # fmt: skip
        elif self._is_reported or self._is_of_job():
            pass  # it was reported already, or the agent sends the rest and reports it
        else:
            logger.warning(
                "%s; %s in %s, and the next process that uses amlflow or `amlflow sync` sends %s.",
                have_not(count), "it waits" if count == 1 else "they wait", self._journals,
                "it" if count == 1 else "them",
            )  # fmt: skip

    def _is_of_job(self) -> bool:
        """Whether this is the journal of a submitted script, in its job's folder."""
        return self._settings.folder.parent.name == os.environ.get(JOB)

    def after_fork(self) -> None:
        """In a child process: leave this journal to the parent."""
        self._recovery = None
        if self.running_sender is not None:
            self.running_sender.after_fork()
