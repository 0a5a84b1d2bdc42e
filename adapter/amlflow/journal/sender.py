"""The thread that sends this process's records, and how other threads wait for it."""

from __future__ import annotations

import functools
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.delivery import Call, Delivery, Refusal, calls_of
from amlflow.journal.fence import Fence
from amlflow.journal.folder import ProcessFolder
from amlflow.journal.offline_runs import LocalIds, display_owner
from amlflow.journal.record import LOST, Numbered, record_of
from amlflow.journal.segments import Segments
from amlflow.journal.settings import JournalSettings
from amlflow.spec import Tracker, Unavailable, redacted

logger = logging.getLogger("amlflow")

BATCH_WINDOW_S = 0.2
"""How long a record waits for others to be sent with it, unless a caller waits for it."""
MIN_PAUSE_S = 0.1
"""The shortest pause between two tries during an outage; each next one may be twice as long."""
MAX_PAUSE_S = 5.0
"""The longest pause between two tries during an outage, unless the tracker asks for more."""
CHECK_INTERVAL_S = 0.9
"""How often to look whether the journal's folder still exists."""


class Ticket:
    """A record that a caller waits for: its number, and the error if the tracker refused it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.error: AzureMLException | None = None


class Sender:
    """The sender: a thread that sends the records of this process, in order."""

    def __init__(
        self,
        uri: str,
        folder: ProcessFolder,
        settings: JournalSettings,
        tracker: Callable[[], Tracker],
        ids: LocalIds,
        refused: Refusal,
        returned: Callable[[], None],
    ) -> None:
        self._uri, self._settings, self._ids = uri, settings, ids
        self._on_refused, self._on_return = refused, returned
        self._segments = Segments(
            folder,
            settings.max_bytes,
            fsync=settings.fsync,
            wake=self._wake,
            make_folder=self._new_folder,
        )
        self.away: AzureMLException | None = None
        """The error of the last call while the tracker is away; None while it answers."""
        self._delivery = Delivery(
            tracker, folder, ids, refused, fsync=settings.fsync, check=self._segments.check
        )
        self._reported_held: set[str] = set()
        self._next_try, self._held_pause = 0.0, MIN_PAUSE_S
        self._fence = Fence(tracker)
        self._failures = 0
        """Failed tries since the tracker last accepted something."""
        self._condition = threading.Condition()
        self._work = threading.Event()
        self._urgent = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="amlflow-sender", daemon=True)
        self._ticketing = threading.Lock()
        self._tickets: dict[int, Ticket] = {}
        self.write = self._segments.append
        """Write the line of a record. Returns its number. Raises :class:`JournalFull`."""
        self.keep_file = self._segments.keep_file
        """Copy a file that is to be sent, under a name. Raises :class:`JournalFull`."""
        self.seal = self._segments.seal
        """Accept no more records. Returns how many were written."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _wake(self) -> None:
        self._work.set()

    @property
    def folder(self) -> ProcessFolder:
        """The folder of the records. It changes if somebody removes it."""
        return self._segments.folder

    def copy_path(self, name: str) -> Path:
        """Return the path of the copy that :meth:`keep_file` made under a name."""
        return self.folder.files / name

    @property
    def is_homeless(self) -> bool:
        """Whether unsent records are in this process's memory only."""
        return self._segments.is_homeless

    @property
    def written(self) -> int:
        """How many records were written."""
        return self._segments.appended

    @property
    def done(self) -> int:
        """How many of them are sent, refused or held."""
        return self._segments.done

    def waiting(self, number: int) -> int:
        """Count the records up to a number that are not in the tracker."""
        return max(0, number - self.done) + self._delivery.held.count

    def _new_folder(self, old_folder: ProcessFolder) -> ProcessFolder:
        """Make another folder in place of a lost one, with the held records. Raises OSError."""
        folder = old_folder.successor(self._uri, fsync=self._settings.fsync)
        lost_count = self._delivery.held.move(folder)
        self._delivery.folder = folder
        error = AzureMLException("It was removed or cut on this machine's disk before it was sent.")
        for _ in range(lost_count):
            self._on_refused(0, [LOST], error)
        return folder

    def after_fork(self) -> None:
        """In a child process: leave the files to the parent."""
        self.forget_files()
        self.folder.after_fork()

    def forget_files(self) -> None:
        """Close the files. This process sends nothing of them any more."""
        self._segments.close()
        self._delivery.held.close()

    # called by other threads

    def write_awaited(self, line: bytes) -> Ticket:
        """Write a record that a caller waits for. Raises :class:`JournalFull`."""
        with self._ticketing:  # otherwise the record could be refused before its ticket is kept
            ticket = Ticket(self._segments.append(line))
            self._tickets[ticket.number] = ticket
        return ticket

    def note_running(self, run_id: str) -> None:
        """Note that this process has started a run. If the process dies, others find the run."""
        try:
            self.folder.note_running(run_id)
        except OSError:
            self._segments.check()  # moves to a new folder, which has the note

    def wait(
        self,
        number: int,
        seconds: float,
        *,
        run_id: str | None = None,
        through_outage: bool = True,
        through_held: bool = False,
    ) -> bool:
        """Whether all records up to a number are sent or refused within some seconds.

        A held record counts as waiting. With ``run_id``, only held records of that run do; with
        ``through_held``, none do. Without ``through_outage``, the waiting ends at an outage, or if
        the tracker wants other credentials.
        """
        held_runs = self._delivery.held

        def is_held() -> bool:
            return not through_held and held_runs.why(number, run_id) is not None

        if self.done >= number and not is_held():
            return True
        self.hurry()
        deadline = time.monotonic() + seconds
        with self._condition:
            while self.done < number or is_held():
                remaining_s = deadline - time.monotonic()
                is_out = not through_outage and (self._is_out(remaining_s) or is_held())
                if remaining_s <= 0 or is_out:
                    return False
                self._condition.wait(remaining_s)
        return True

    def _is_out(self, remaining_s: float) -> bool:
        """Whether the tracker stays away for the remaining seconds, or wants other credentials.

        It may be well again in a moment if it has failed once or twice, or if it asks to wait.
        """
        error = self.away
        if not isinstance(error, Unavailable):
            return error is not None
        if error.retry_after is not None:
            return error.retry_after > remaining_s
        return self._failures > 2

    def obstacle(self, number: int, run_id: str | None = None) -> AzureMLException | None:
        """Return the known reason why a record is not in the tracker; None if there is none."""
        return self._delivery.held.why(number, run_id) or self.away

    def hurry(self) -> None:
        """Send what waits now, without waiting for more."""
        if self.done < self.written:
            self._urgent.set()

    def tell_refused(self, number: int, error: AzureMLException) -> bool:
        """Give an error to the caller that waits for a record. False if no caller waits."""
        with self._ticketing:
            ticket = self._tickets.get(number)
        if ticket is None:
            return False
        ticket.error = error
        return True

    def forget(self, ticket: Ticket) -> None:
        """Drop a ticket."""
        self._tickets.pop(ticket.number, None)

    def stop(self, seconds: float = 0.0) -> None:
        """Stop sending, and wait some seconds for the current call."""
        self._stopped = True
        self._work.set()
        self._urgent.set()
        self._thread.join(seconds)

    # in the sending thread

    def _run(self) -> None:
        while not self._stopped:
            # Wake up also if nothing is logged, to check the folder and to try held records again.
            self._work.wait(CHECK_INTERVAL_S)
            self._work.clear()
            if self._stopped:
                return
            self._fence.turn()
            try:
                self._segments.check()
                self._send_held()
                while not self._stopped and not self._segments.rest():
                    self._urgent.wait(BATCH_WINDOW_S)
                    self._urgent.clear()
                    self._send()
            except Exception:  # such as an error of this machine's disk
                if not self._stopped:
                    logger.exception("The journal %s is not sent now.", self.folder.path)
                    self._pause(MAX_PAUSE_S)
                    self._work.set()
            self._delivery.late = False

    def _send(self) -> None:
        """Send all records that are written at this time."""
        target = self.written
        while not self._stopped and self.done < target:
            lines = self._segments.take()
            # A line that is not complete becomes a lost record.
            records = [
                Numbered(number, record_of(line[:-1]) or [LOST], len(line))
                for number, line in enumerate(lines, self.done + 1)
            ]
            self._retry(functools.partial(self._deliver, calls_of(records)))
            if self._stopped:
                return
            self._say_held()
            self._segments.mark_sent()
            self._drop_files()
            with self._condition:
                self._condition.notify_all()
            self._send_held()

    def _deliver(self, calls: deque[Call]) -> None:
        self._delivery.bring(calls, self._on_answer)

    def _drop_files(self) -> None:
        for name in self._delivery.files:
            self._segments.drop_file(name)
        self._delivery.files.clear()

    def _send_held(self) -> None:
        """Try to send held records, if it is time."""
        if not self._delivery.held.count or time.monotonic() < self._next_try:
            return
        self._retry(self._bring_held)
        self._drop_files()
        with self._condition:
            self._condition.notify_all()

    def _bring_held(self) -> None:
        self._delivery.late = True
        if self._delivery.bring_held(self._on_answer):
            logger.warning("The tracker at %s takes it again; what waited is sent.", self._address)
            self._reported_held.clear()
            self._held_pause = MIN_PAUSE_S
        else:
            self._held_pause = min(2 * self._held_pause, MAX_PAUSE_S)
        self._next_try = time.monotonic() + self._held_pause

    def _say_held(self) -> None:
        self._reported_held.intersection_update(self._delivery.held)
        for run_id in set(self._delivery.held) - self._reported_held:
            error = self._delivery.held.why(self.written, run_id)
            self._reported_held.add(run_id)
            logger.warning(
                "What is logged to %s waits in %s, and is sent when the tracker takes it: %s",
                display_owner(run_id), self.folder.path, error.message if error else "",
            )  # fmt: skip

    @property
    def _address(self) -> str:
        return redacted(self._uri)

    def _retry(self, send: Callable[[], None]) -> None:
        """Call ``send`` until it succeeds, however long the tracker is away, or until stopped."""
        import tenacity  # takes 30 ms, and many processes never send

        self._failures = 0

        def pause(state: Any) -> float:
            self._failures += 1
            most_s = min(MAX_PAUSE_S, MIN_PAUSE_S * 2 ** min(self._failures, 10))
            retry_after = getattr(state.outcome.exception(), "retry_after", None)
            return max(random.uniform(0, most_s), retry_after or 0.0)  # noqa: S311  (no secret)

        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Unavailable, AuthenticationException)),
            wait=pause,
            sleep=self._pause,
            stop=lambda _: self._stopped,
            before_sleep=self._on_away,
            retry_error_callback=lambda _: None,
        ):
            with attempt:
                self._fence.check(was_away=self._failures > 0)
                send()

    def _pause(self, seconds: float) -> None:
        self._urgent.clear()
        deadline = time.monotonic() + seconds
        while not self._stopped and (remaining_s := deadline - time.monotonic()) > 0:
            self._urgent.wait(min(remaining_s, CHECK_INTERVAL_S))
            if self._stopped:
                return
            self._urgent.clear()
            self._segments.check()

    def _on_away(self, state: Any) -> None:
        error: AzureMLException = state.outcome.exception()
        if self.away is None:
            logger.warning(
                "What is logged waits in %s, and is sent when the tracker at %s is back: %s",
                self.folder.path,
                self._address,
                error.message,
            )
        with self._condition:
            self.away = error
            self._condition.notify_all()
        self._delivery.late = True

    def _on_answer(self, count: int) -> None:
        self._failures = 0
        if self.away is not None:
            self.away = None
            logger.warning("The tracker at %s is back; what waited is sent.", self._address)
            self._on_return()
