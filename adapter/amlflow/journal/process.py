"""The journal of this process for one tracker: begun with the first record, closed at the end."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
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
from amlflow.journal.local import LocalIds, shown
from amlflow.journal.record import Record
from amlflow.journal.recovery import recover
from amlflow.journal.sender import Sender
from amlflow.journal.settings import Settings
from amlflow.spec import JOB, Tracker, Unavailable

logger = logging.getLogger("amlflow")


class Journal:
    """Writes down, sends, and waits. ``tracker`` opens the tracker."""

    def __init__(self, uri: str, settings: Settings, tracker: Callable[[], Tracker]) -> None:
        self._uri, self._settings, self._tracker = uri, settings, tracker
        self._place = tracker_folder(settings.folder, uri)
        self._starting = threading.Lock()
        self._refused: dict[str, Counter[str]] = {}
        self._interrupted = False
        self._recovery: threading.Thread | None = None
        self._dead: dict[Path, list[str]] = {}
        self.ids = LocalIds()
        self.started: Sender | None = None
        """What sends, once there is something to send."""

    def sender(self) -> Sender:
        """What sends, which is started now if it is not yet."""
        if self.started is None:
            with self._starting:
                if self.started is None:
                    self.started = self._start()
        return self.started

    def _start(self) -> Sender:
        try:
            folder = ProcessFolder.make(self._place, self._uri, fsync=self._settings.fsync)
        except OSError as error:
            raise ServiceException(
                f"The journal cannot be kept in {self._place} ({error.strerror or error}). Let "
                "AMLFLOW_JOURNAL_FOLDER name a folder that you may write to, or set "
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

    @property
    def _folder(self) -> ProcessFolder | None:
        return None if self.started is None else self.started.folder

    @property
    def away(self) -> AzureMLException | None:
        """Why the tracker did not take what was sent last, while it is away."""
        return None if self.started is None else self.started.away

    # what other processes have left

    def dead_runs(self) -> set[str]:
        """The runs of this machine whose process has died without ending them.

        Whoever asks finds what such processes have left, and so sends it, once.
        """
        dead = dead_folders(self._place, self._folder)
        known = {**self._dead, **{each.path: each.running() for each in dead}}
        # Whoever sends what one has left holds its lock meanwhile, as a living process does.
        self._dead = known = {path: runs for path, runs in known.items() if path.exists()}
        if dead and self._recovery is None:
            self._recover_aside()
        return {run for runs in known.values() for run in runs}

    def recover(self, of_run: str | None = None) -> None:
        """Send what processes have left that have died. Raises :class:`Unavailable`."""
        recover(self._place, self._tracker, but=self._folder, of_run=of_run)

    def settle(self, run_id: str, seconds: float) -> None:
        """Wait until what other processes of this machine have logged to a run is in the tracker.

        Those that have died are sent for; who is at it still is waited for, some seconds.
        """
        if not self._others():
            return
        with contextlib.suppress(*AWAY):
            self.recover(run_id)
        deadline = time.monotonic() + seconds
        for each in self._others():
            last = each.last_waiting(run_id)
            while last is not None and each.sent() < last and each.path.exists():
                if not each.is_alive():
                    with contextlib.suppress(*AWAY):
                        self.recover(run_id)
                    break
                if time.monotonic() > deadline:
                    logger.warning(
                        "What the process %s has logged to run %s is not in the tracker yet.",
                        each.about().get("pid"), shown(run_id),
                    )  # fmt: skip
                    break
                time.sleep(0.01)

    def _others(self) -> list[ProcessFolder]:
        mine = None if self._folder is None else self._folder.path
        return [each for each in process_folders(self._place) if each.path != mine]

    def _recover_aside(self) -> None:
        """The same in a thread that only the end of the process waits for, within its bounds."""

        def go() -> None:
            try:
                self.recover()
            except AWAY:  # then whoever comes later sends it
                pass
            except Exception:  # of a folder that cannot be read, say
                logger.exception("What processes have left in %s is not sent.", self._place)

        thread = threading.Thread(target=go, name="amlflow-recovery", daemon=True)
        thread.start()
        self._recovery = thread

    # what the tracker does not take

    def _on_refused(self, number: int, record: Record, error: AzureMLException) -> None:
        sender = self.sender()
        if sender.refused(number, error):
            return
        path = note_refused(sender.folder, record, error.message)
        run_id = record[1]
        reasons = self._refused.setdefault(run_id, Counter())
        if not reasons:
            logger.error(
                "The tracker refused what was logged to run %s; it is kept in %s: %s",
                run_id, path, error.message,
            )  # fmt: skip
        reasons[f"{error.message} The refused records are kept in {path}."] += 1

    def raise_refused(self, run_id: str) -> None:
        """Raise :class:`UserErrorException` if something of the run was refused, once."""
        reasons = self._refused.pop(run_id, None)
        if reasons:
            [(first, _)] = reasons.most_common(1)
            raise UserErrorException(
                f"{sum(reasons.values())} of the records logged to run {run_id} were refused by "
                f"the tracker, the others are there: {first}"
            )

    # waiting

    def wait(self, number: int | None = None, seconds: float | None = None) -> None:
        """Return when all records up to a number are in the tracker (default: all of them).

        Raises :class:`Unavailable` if they are not after some seconds (default: the setting's).
        """
        sender = self.started
        if sender is None:
            return
        wanted = sender.segments.appended if number is None else number
        limit = self._settings.flush_seconds if seconds is None else seconds
        try:
            arrived = sender.wait(wanted, limit)
        except KeyboardInterrupt:
            self._interrupted = True  # whoever interrupts this does not want to wait at the end
            raise
        if not arrived:
            why = f" ({sender.away.message})" if sender.away is not None else ""
            raise Unavailable(
                f"{wanted - sender.done} records have not reached the tracker within {limit:g} s"
                f"{why}. They wait in {self._place} and are sent when it is back, by this process, "
                "the next one or `amlflow sync`."
            )

    # the end

    def close(self) -> None:
        """At the end of the process: send what is left, within ``AMLFLOW_EXIT_SECONDS``."""
        deadline = time.monotonic() + (0.0 if self._interrupted else self._settings.exit_seconds)
        sender = self.started
        arrived, last = False, 0
        try:
            if self._recovery is not None:
                self._recovery.join(max(0.0, deadline - time.monotonic()))
            if sender is None:
                return
            last = sender.segments.seal()  # a thread that logs still is told
            arrived = sender.wait(last, max(0.0, deadline - time.monotonic()))
        except KeyboardInterrupt:  # who interrupts this does not want to wait
            if sender is None:
                return
        sender.stop(1.0 if arrived else 0.0)
        if not arrived and self._is_of_job():
            pass  # its agent sends the rest once the script has ended, and says so
        elif not arrived:
            logger.warning(
                "%d records have not reached the tracker; they wait in %s, and the next process "
                "that uses amlflow or `amlflow sync` sends them.",
                last - sender.done, self._place,
            )  # fmt: skip
        elif not (sender.folder.running() and hasattr(sys, "last_value")):
            # After an error that nobody caught, the folder tells the next process of its runs.
            sender.folder.remove()

    def _is_of_job(self) -> bool:
        """Whether this is the journal of a submitted script, in the folder of its job."""
        return self._settings.folder.parent.name == os.environ.get(JOB)

    def forked(self) -> None:
        """In a child process, which has a journal of its own."""
        self._recovery = None
        if self._folder is not None:
            self._folder.forked()
