"""The code of a process of :mod:`amlflow_page.query_processes`, which answers questions in turn."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import psutil
from amlflow.core.server_store import ServerStore
from amlflow.plugins import open_tracker

from amlflow_page import (
    all_runs,
    bulk_changes,
    curves,
    difference,
    groups,
    run_details,
    server_workspace,
)
from amlflow_page.access import KnownAccess
from amlflow_page.answers import Answer, make_answer
from amlflow_page.deadline import TookTooLong

NICENESS = 5
"""The process gives way to the server's other work, which matters on a machine with one core."""
MAX_MEMORY = 500_000_000
"""The most bytes of memory after an answer. A process with more ends, and another is started."""
MOST_MEMORY = 2_000_000_000
"""The most bytes of memory while it answers. A query can double a text again and again."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its name in :data:`QUESTIONS`, the request's body, permissions and workspace."""

    name: str
    body: Mapping[str, Any]
    access: KnownAccess
    workspace: str | None = None

    def to_bytes(self) -> bytes:
        """Return the question as JSON."""
        read, change = (
            None if ids is None else sorted(ids) for ids in (self.access.read, self.access.change)
        )
        content = [self.name, dict(self.body), read, change, self.workspace]
        return json.dumps(content).encode()

    @staticmethod
    def from_bytes(data: bytes) -> Question:
        """Undo :meth:`to_bytes`."""
        name, body, read, change, workspace = json.loads(data)
        access = KnownAccess(*(None if ids is None else frozenset(ids) for ids in (read, change)))
        return Question(name, body, access, workspace)


Answering = Callable[[ServerStore, KnownAccess, Mapping[str, Any]], Any]


def _of_tracker(answer: Callable[..., Any]) -> Answering:
    return lambda store, access, body: answer(open_tracker(store.uri), access, body)


def _curves(store: ServerStore, access: KnownAccess, body: Mapping[str, Any]) -> Any:
    return {"curves": curves.curves(store.tracker, curves.Wanted.from_request(body))}


def _metric_names(store: ServerStore, access: KnownAccess, body: Mapping[str, Any]) -> Any:
    return {"names": curves.metric_names(store.tracker, body)}


def _metrics(store: ServerStore, access: KnownAccess, body: Mapping[str, Any]) -> Any:
    return run_details.metrics(store.tracker, store.tracker.get_run(body["run_id"]).id)


def _difference(store: ServerStore, access: KnownAccess, body: Mapping[str, Any]) -> Any:
    return difference.page(store.tracker, body["left"], body["right"])


QUESTIONS: dict[str, Answering] = {
    "search": _of_tracker(all_runs.rows),
    "failures": _of_tracker(all_runs.failures),
    "changes": _of_tracker(all_runs.changes),
    "groups": _of_tracker(groups.groups),
    "open": _of_tracker(bulk_changes.open_matching),
    "curves": _curves,
    "metrics": _metrics,
    "metric names": _metric_names,
    "difference": _difference,
}
"""The questions that may take long."""


def answer_questions(connection: Connection, uri: str) -> None:
    """Answer the questions of a connection, until it is closed or memory is over MAX_MEMORY."""
    # Ctrl-C in a terminal also ends the server, and this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    _limit_memory()
    store, this = ServerStore(uri), psutil.Process()
    goes_on = True
    connection.send_bytes(b"ready")
    while goes_on:
        try:
            question = Question.from_bytes(connection.recv_bytes())
        except EOFError:
            return
        answer = _answer(store, question)
        goes_on = this.memory_info().rss < MAX_MEMORY
        connection.send_bytes(json.dumps([answer.status, answer.text, goes_on]).encode())


def _answer(store: ServerStore, question: Question) -> Answer:
    with server_workspace.workspace(question.workspace):
        answer = QUESTIONS[question.name]
        return make_answer(lambda: _within_memory(answer, store, question))


def _within_memory(answer: Answering, store: ServerStore, question: Question) -> Any:
    try:
        return answer(store, question.access, question.body)
    except MemoryError:
        raise TookTooLong(
            f"The query was given up, as it needs more than {MOST_MEMORY // 10**9} GB of memory. "
            "Choose fewer runs first, or a simpler query."
        ) from None


def _limit_memory() -> None:
    if sys.platform != "linux":  # others do not count all memory
        return
    import resource  # Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MOST_MEMORY if soft == resource.RLIM_INFINITY else min(MOST_MEMORY, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _end_with_parent() -> None:
    """End this process when the server's worker has ended, even in the middle of an answer."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        signal.raise_signal(signal.SIGTERM)
