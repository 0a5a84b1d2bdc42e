"""Processes for questions that may take long, so that one user's do not hold up the others.

A worker of the server answers its requests in threads, of which one runs Python at a time: a query
that looks at 100,000 runs would make every other page wait. So such a query runs in a process of
its own. There are :data:`MAX_PROCESSES` for each worker at most, started when they are needed and
used again. One person has all but one of them at most. Others wait, and no longer than
:data:`MAX_WAIT_S`. A process that takes too long is ended.
"""

from __future__ import annotations

import functools
import multiprocessing
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from amlflow_page import server_workspace
from amlflow_page.access import KnownAccess
from amlflow_page.answers import Answer
from amlflow_page.deadline import LIMIT_S, Busy, ProcessEnded, Superseded, TookTooLong
from amlflow_page.query_worker import Question, answer_questions

MAX_PROCESSES = 3
MAX_OF_ONE = MAX_PROCESSES - 1
"""Processes that one person may use at once."""
MAX_WAITING = 20
"""Questions that wait for a process; a worker has 40 threads for all requests."""
MAX_WAIT_S = 20.0
MAX_IDLE = 2
"""Processes that are kept for the next questions."""
MLFLOW_STORE = "mlflow.store.tracking.sqlalchemy_store"
"""The module of MLflow's that reads databases."""
START_AFTER_S = 2.0
"""After the first list, whose page comes first."""
START_S = 60.0
"""In which a process has started; it imports the tracker's client."""
GRACE_S = 3.0
"""After the time limit that a query keeps by itself, before its process is ended."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a user or an address, and the tab of a browser if the question is its list's.

    A tab has one list. Its next question takes the place of the one before.
    """

    person: str
    tab: str | None = None


class Process(Protocol):
    """A process that answers questions."""

    @property
    def is_usable(self) -> bool:
        """Whether it takes another question."""

    def ask(self, question: Question, seconds: float) -> Answer:
        """The answer. Raises TimeoutError, or EOFError if the process has ended."""

    def kill(self) -> None:
        """End the process; who waits for an answer gets EOFError."""

    def close(self) -> None:
        """End the process, and forget it."""


class QueryProcess:
    """A process that answers questions on the runs of a tracking store."""

    def __init__(self, uri: str) -> None:
        context = _context(uri.startswith("sqlite"))
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=answer_questions, args=(theirs, uri), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(START_S):
            self.close()
            raise TookTooLong(f"The query's process has not started within {START_S:g} seconds.")
        self._goes_on = bool(self._connection.recv())

    @property
    def is_usable(self) -> bool:
        return self._goes_on and bool(self._process.is_alive())

    def ask(self, question: Question, seconds: float) -> Answer:
        self._connection.send(question)
        if not self._connection.poll(seconds):
            raise TimeoutError
        answer: Answer
        answer, self._goes_on = self._connection.recv()
        return answer

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.join()
        self._connection.close()


@functools.cache
def _context(is_sqlite: bool) -> Any:
    """Starts a process in which no thread of the server's has been cut off."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # The imports are made once, and every process begins with them. sqlite is read without MLflow.
    imports = [answer_questions.__module__]
    context.set_forkserver_preload(imports if is_sqlite else [*imports, MLFLOW_STORE])
    return context


@dataclass(eq=False)
class _Turn:
    """A question that waits or is answered."""

    asker: Asker
    process: Process | None = None
    superseded: bool = False


class QueryProcesses:
    """The processes of a worker."""

    def __init__(self, start: Callable[[], Process]) -> None:
        self._start = start
        self._changed = threading.Condition()
        self._running: list[_Turn] = []
        self._waiting: list[_Turn] = []
        self._idle: list[Process] = []
        self._begins = False
        self._is_used = False

    def ask(self, asker: Asker, name: str, body: Mapping[str, Any], access: KnownAccess) -> Answer:
        """The answer of a process.

        Raises:
            Busy: the processes are in use for too long.
            Superseded: the same tab has asked anew.
            TookTooLong: the process was ended, as its time was over.
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
                raise Superseded("The list has been read anew.")
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
                raise Superseded("The list has been read anew.") from None
            raise ProcessEnded(
                "The process of this query ended before its answer: it may have needed more memory "
                "than there is. The server's log may say why. Choose fewer runs."
            ) from None
        finally:
            self._end_turn(turn, is_answered)

    def start_soon(self) -> None:
        """Start the first process a little later, if nobody has: a question then waits for none."""
        with self._changed:
            if self._begins:
                return
            self._begins = True
        timer = threading.Timer(START_AFTER_S, self._start_first)
        timer.daemon = True
        timer.start()

    def _start_first(self) -> None:
        if self._is_used:
            return
        process = self._start()
        with self._changed:
            self._idle.append(process)

    def close(self) -> None:
        """End the processes that wait for a question."""
        with self._changed:
            idle, self._idle, self._is_used = self._idle, [], True
        for process in idle:
            process.close()

    def _wait(self, turn: _Turn) -> None:
        with self._changed:
            if turn.asker.tab is not None:
                for other in (*self._running, *self._waiting):
                    if other.asker == turn.asker:
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
                raise Superseded("The list has been read anew.")
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
            # A question that came last may have ended the process after its answer.
            may_stay = is_answered and not turn.superseded and len(self._idle) < MAX_IDLE
            if surplus is not None and may_stay and surplus.is_usable:
                self._idle.append(surplus)
                surplus = None
            self._changed.notify_all()
        if surplus is not None:
            surplus.close()


def _busy() -> Busy:
    return Busy(
        "The server is busy with other queries, and did not begin this one within "
        f"{MAX_WAIT_S:g} seconds. Try again."
    )


PROCESSES = QueryProcesses(lambda: QueryProcess(server_workspace.runs().uri))
