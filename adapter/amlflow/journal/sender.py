"""The thread that sends what this process logs, and how others of its threads wait for that."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.delivery import AWAY, Delivery, Refusal, Step, steps_of
from amlflow.journal.folder import ProcessFolder
from amlflow.journal.local import LocalIds
from amlflow.journal.record import record_of
from amlflow.journal.segments import Segments, read_lines, segment_path
from amlflow.journal.settings import Settings
from amlflow.spec import Tracker, redacted

logger = logging.getLogger("amlflow")

LINGER_SECONDS = 0.2
"""How long the first of some records waits for others, unless somebody waits for it."""
MOST_PAUSE_SECONDS = 5.0
"""Between two tries while the tracker is away, if it does not ask for more."""


class Ticket:
    """A record that somebody waits for: its number, and why the tracker did not take it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.error: AzureMLException | None = None


class Sender:
    """Sends the records of this process, in order."""

    def __init__(
        self,
        uri: str,
        folder: ProcessFolder,
        settings: Settings,
        tracker: Callable[[], Tracker],
        ids: LocalIds,
        refused: Refusal,
        returned: Callable[[], None],
    ) -> None:
        self.folder, self._returned = folder, returned
        self.segments = Segments(
            folder.path, settings.most_bytes, fsync=settings.fsync, wake=self._wake
        )
        self.done = 0
        """How many of this process's records have been dealt with."""
        self.away: AzureMLException | None = None
        """Why the last call failed, while the tracker is away."""
        self._where = redacted(uri)
        self._delivery = Delivery(tracker, folder, ids, refused)
        self._place = (1, 0)
        self._condition = threading.Condition()
        self._work = threading.Event()
        self._urgent = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="amlflow-sender", daemon=True)
        self._ticketing = threading.Lock()
        self._tickets: dict[int, Ticket] = {}

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def _wake(self) -> None:
        self._work.set()

    # for other threads

    def append(self, line: bytes) -> Ticket:
        """Keep a record that somebody waits for. Raises :class:`JournalFull`."""
        with self._ticketing:  # the record may be refused before its ticket is there
            ticket = Ticket(self.segments.append(line))
            self._tickets[ticket.number] = ticket
        return ticket

    def wait(self, number: int, seconds: float, *, through_outage: bool = True) -> bool:
        """Whether all records up to a number have been dealt with, within some seconds.

        Without ``through_outage``, an outage ends the waiting; a tracker that wants other
        credentials ends it in any case.
        """
        if self.done >= number:
            return True
        self.hurry()
        deadline = time.monotonic() + seconds
        with self._condition:
            while self.done < number:
                left = deadline - time.monotonic()
                hopeless = isinstance(self.away, AuthenticationException)
                if left <= 0 or hopeless or (self.away is not None and not through_outage):
                    return False
                self._condition.wait(left)
        return True

    def hurry(self) -> None:
        """Send what there is now."""
        if self.done < self.segments.appended:
            self._urgent.set()

    def refused(self, number: int, error: AzureMLException) -> bool:
        """Tell whoever waits for a record that it is refused; whether somebody does."""
        with self._ticketing:
            ticket = self._tickets.get(number)
        if ticket is None:
            return False
        ticket.error = error
        return True

    def collect(self, ticket: Ticket) -> None:
        """Stop waiting for a record. Raises what the tracker said of it."""
        self._tickets.pop(ticket.number, None)
        if ticket.error is not None:
            raise ticket.error

    def stop(self, seconds: float = 0.0) -> None:
        """Send no more, and wait a little for what is under way."""
        self._stopped = True
        self._work.set()
        self._urgent.set()
        self._thread.join(seconds)

    # the thread

    def _run(self) -> None:
        while not self._stopped:
            self._work.wait()
            self._work.clear()
            while not self._stopped and not self.segments.rest(self.done):
                self._urgent.wait(LINGER_SECONDS)
                self._urgent.clear()
                try:
                    self._send()
                except Exception:  # of this machine's disk, say
                    if not self._stopped:
                        logger.exception("The journal %s is not sent now.", self.folder.path)
                        self._pause(MOST_PAUSE_SECONDS)
            self._delivery.late = False

    def _send(self) -> None:
        """Send all that has been appended until now."""
        last = self.segments.written()
        while not self._stopped:
            lines, place = self._read(last)
            if not lines:
                return
            # All of them are whole: this process itself has written them.
            records = [record_of(each) or [] for each in lines]
            self._deliver(steps_of(list(enumerate(records, self.done + 1))))
            if self._stopped:
                return
            self._place = place
            self.folder.note_sent(*place)
            for name in self._delivery.files:
                self.segments.drop_file(name)
            self._delivery.files.clear()
            with self._condition:
                self.done += len(lines)
                self._condition.notify_all()

    def _read(self, last: tuple[int, int]) -> tuple[list[bytes], tuple[int, int]]:
        number, offset = self._place
        while True:
            end = last[1] if number == last[0] else None
            lines, after = read_lines(segment_path(self.folder.path, number), offset, end)
            if lines or number >= last[0]:
                return lines, (number, after)
            number, offset = number + 1, 0
            self.segments.forget(number)

    def _deliver(self, steps: deque[Step]) -> None:
        """Bring the steps, however long the tracker is away; or until this is stopped."""
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=0.1, max=MOST_PAUSE_SECONDS)

        def pause(state: Any) -> float:
            asked = getattr(state.outcome.exception(), "retry_after", None)
            return max(float(backoff(state)), asked or 0.0)

        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AWAY),
            wait=pause,
            sleep=self._pause,
            stop=lambda _: self._stopped,
            before_sleep=self._gone,
            retry_error_callback=lambda _: None,
        ):
            with attempt:
                self._delivery.bring(steps, self._back)

    def _pause(self, seconds: float) -> None:
        self._urgent.clear()
        deadline = time.monotonic() + seconds
        while not self._stopped and (left := deadline - time.monotonic()) > 0:
            self._urgent.wait(left)
            if self._stopped:
                return
            self._urgent.clear()

    def _gone(self, state: Any) -> None:
        error: AzureMLException = state.outcome.exception()
        if self.away is None:
            logger.warning(
                "What is logged waits in %s, and is sent when the tracker at %s is back: %s",
                self.folder.path,
                self._where,
                error.message,
            )
        with self._condition:
            self.away = error
            self._condition.notify_all()
        self._delivery.late = True

    def _back(self) -> None:
        if self.away is not None:
            self.away = None
            logger.warning("The tracker at %s is back; what waited is sent.", self._where)
            self._returned()
