"""Processes for questions that may take long, so that one user does not hold up the others.

A worker of the server answers its requests in threads, and only one thread runs Python at a time.
A query that looks at 100,000 runs would make every other page wait, so it runs in another process.

A worker has at most :data:`MAX_PROCESSES` of these processes. They are started when needed, and
used again. One person may use at most :data:`MAX_OF_ONE` of them at once. Other questions wait, but
not longer than :data:`MAX_WAIT_S`. A process that takes too long is ended.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from amlflow_page import server_workspace
from amlflow_page.access import KnownAccess
from amlflow_page.answers import Answer
from amlflow_page.deadline import LIMIT_S, Busy, ProcessEnded, Superseded, TookTooLong
from amlflow_page.query_worker import Question, answer_questions

MAX_PROCESSES = 3
MAX_OF_ONE = MAX_PROCESSES - 1
"""The most processes that one person may use at once."""
MAX_WAITING = 20
"""The most questions that wait for a process. A worker has 40 threads for all requests."""
MAX_WAIT_S = 20.0
MAX_IDLE = 2
"""The most processes that are kept for the next questions."""
MLFLOW_STORE = "mlflow.store.tracking.sqlalchemy_store"
"""The MLflow module that reads databases."""
START_AFTER_S = 2.0
"""The delay before the first process starts, so that it does not slow down the first page."""
START_S = 60.0
"""How long a process may take to start. It imports the tracker's client."""
GRACE_S = 3.0
"""How long a query may run on after its own time limit before its process is ended."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks a question: a user or an address, and the browser's tab if it asks for its list.

    A tab has one list. Its next question, which has a larger ``number``, replaces the one before,
    also if the server gets that one later.
    """

    person: str
    tab: str | None = None
    number: int = field(default=0, compare=False)


class Process(Protocol):
    """A process that answers questions."""

    @property
    def is_usable(self) -> bool:
        """Return whether the process can take another question."""

    def ask(self, question: Question, seconds: float) -> Answer:
        """Return the answer to a question.

        Raises TimeoutError after ``seconds``, and EOFError if the process has ended.
        """

    def kill(self) -> None:
        """End the process. A call of :meth:`ask` that waits then raises EOFError."""

    def close(self) -> None:
        """End the process, and release what belongs to it."""


class QueryProcess:
    """A process that answers questions on the runs of a tracking store."""

    def __init__(self, uri: str) -> None:
        context = process_context()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=answer_questions, args=(theirs, uri), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(START_S):
            self.close()
            raise TookTooLong(f"The query's process has not started within {START_S:g} seconds.")
        self._connection.recv_bytes()  # it is ready
        self._goes_on = True

    @property
    def is_usable(self) -> bool:
        return self._goes_on and bool(self._process.is_alive())

    def ask(self, question: Question, seconds: float) -> Answer:
        # JSON, since whoever can write to a pipe could run code by multiprocessing's own form.
        self._connection.send_bytes(question.to_bytes())
        if not self._connection.poll(seconds):
            raise TimeoutError
        status, text, self._goes_on = json.loads(self._connection.recv_bytes())
        return Answer(status, text)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.join()
        self._connection.close()


@functools.cache
def process_context() -> Any:
    """Return a way to start processes other than fork, which copies locks that threads hold."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # The fork server imports these once, and each process has them. In the processes of an MLflow
    # server, MLflow's own store reads every database, and it takes seconds to import.
    context.set_forkserver_preload([answer_questions.__module__, MLFLOW_STORE])
    return context


@dataclass(eq=False)
class _Turn:
    """A question that waits for a process or is being answered."""

    asker: Asker
    process: Process | None = None
    superseded: bool = False


class QueryProcesses:
    """The processes for questions of one worker of the server."""

    def __init__(self, start: Callable[[], Process]) -> None:
        self._start = start
        self._changed = threading.Condition()
        self._running: list[_Turn] = []
        self._waiting: list[_Turn] = []
        self._idle: list[Process] = []
        self._begins = False
        self._is_used = self._is_closed = False

    def ask(self, asker: Asker, name: str, body: Mapping[str, Any], access: KnownAccess) -> Answer:
        """Let a process answer a question, and return the answer.

        Raises:
            Busy: no process was free in time.
            Superseded: the same tab has asked another question.
            TookTooLong: the process was ended, since it took too long.
            ProcessEnded: the process ended by itself.
        """
        turn = _Turn(asker)
        self._wait(turn)
        is_answered = False
        try:
            process = turn.process or self._start()
            with self._changed:
                turn.process, self._is_used = process, True
            if turn.superseded:
                raise _superseded()
            question = Question(name, body, access, server_workspace.name())
            answer = process.ask(question, LIMIT_S + GRACE_S)
            is_answered = True
            return answer
        except TimeoutError:
            raise TookTooLong(
                f"The query was given up after {LIMIT_S + GRACE_S:g} seconds. Choose fewer runs "
                "first, by experiment, status or time."
            ) from None
        except (EOFError, OSError):
            if turn.superseded:
                raise _superseded() from None
            raise ProcessEnded(
                "The process of this query ended before its answer: it may have needed more memory "
                "than there is. The server's log may say why. Choose fewer runs."
            ) from None
        finally:
            self._end_turn(turn, is_answered)

    def start_soon(self) -> None:
        """Start the first process after :data:`START_AFTER_S`, unless a question has started one.

        The first question then does not wait for the start.
        """
        with self._changed:
            if self._begins:
                return
            self._begins = True
        timer = threading.Timer(START_AFTER_S, self._start_first)
        timer.daemon = True
        timer.start()

    def _start_first(self) -> None:
        if self._is_used or self._is_closed:
            return
        process = self._start()
        with self._changed:
            if not self._is_closed:
                self._idle.append(process)
                return
        process.close()  # nobody else would: these processes were closed while it started

    def close(self) -> None:
        """End the processes that wait for a question, and start no more before one comes."""
        with self._changed:
            idle, self._idle, self._is_closed = self._idle, [], True
        for process in idle:
            process.close()

    def _wait(self, turn: _Turn) -> None:
        with self._changed:
            if turn.asker.tab is not None:
                others = [
                    other for other in (*self._running, *self._waiting) if other.asker == turn.asker
                ]
                if any(other.asker.number > turn.asker.number for other in others):
                    raise _superseded()
                for other in others:
                    other.superseded = True
                    if other.process is not None:
                        other.process.kill()
                self._changed.notify_all()
            if len(self._waiting) >= MAX_WAITING:
                raise _busy()
            self._waiting.append(turn)
            try:
                is_free = self._changed.wait_for(lambda: self._may_run(turn), MAX_WAIT_S)
            finally:
                self._waiting.remove(turn)
            if turn.superseded:
                raise _superseded()
            if not is_free:
                raise _busy()
            self._running.append(turn)
            while self._idle and turn.process is None:
                process = self._idle.pop()
                if process.is_usable:
                    turn.process = process
                else:
                    process.close()

    def _may_run(self, turn: _Turn) -> bool:
        if turn.superseded:
            return True
        of_one = sum(other.asker.person == turn.asker.person for other in self._running)
        return len(self._running) < MAX_PROCESSES and of_one < MAX_OF_ONE

    def _end_turn(self, turn: _Turn, is_answered: bool) -> None:
        surplus = turn.process
        with self._changed:
            self._running.remove(turn)
            # The tab's next question may have ended this process after its answer.
            may_stay = is_answered and not turn.superseded and len(self._idle) < MAX_IDLE
            if surplus is not None and may_stay and surplus.is_usable:
                self._idle.append(surplus)
                surplus = None
            self._changed.notify_all()
        if surplus is not None:
            surplus.close()


def _superseded() -> Superseded:
    return Superseded("The list was read again meanwhile.")


def _busy() -> Busy:
    return Busy(
        "The server is busy with other queries, and did not begin this one within "
        f"{MAX_WAIT_S:g} seconds. Try again."
    )


PROCESSES = QueryProcesses(lambda: QueryProcess(server_workspace.runs().uri))
