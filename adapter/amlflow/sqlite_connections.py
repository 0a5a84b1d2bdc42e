"""Connections to a SQLite database, one for each thread, that a fork does not copy."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator

from amlflow.fork_safety import call_before_forks, delay_forks


class Connection(sqlite3.Connection):
    """A connection that knows which database is attached to it, and has weak references."""

    attached: str | None = None
    """The address of the attached database. None if there is none."""


class ThreadConnections:
    """One open connection to a database for each thread that uses it.

    SQLite reads the names of all tables for a new connection, so a thread keeps its own. Before a
    fork all are closed, since a child must neither use nor close the connections of its parent. If
    a block still runs then, they are not closed, and the child opens its own.

    Args:
        connect: Opens a connection that any thread may close (``factory=Connection,
            check_same_thread=False``).
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._of_thread = threading.local()

    @contextlib.contextmanager
    def use(self) -> Iterator[Connection]:
        """Begin a block with this thread's connection. A fork waits for its end.

        Raises :class:`sqlite3.Error`.
        """
        with delay_forks():
            connection: Connection | None = getattr(self._of_thread, "connection", None)
            if connection is None or connection not in _open:
                connection = self._of_thread.connection = self._connect()
                _open.add(connection)
            yield connection


_open: weakref.WeakSet[Connection] = weakref.WeakSet()
"""The open connections of all threads."""
_left: list[Connection] = []
"""The connections that a child has inherited. They are kept, since Python closes what it removes.
"""


def _close_all() -> None:
    for connection in list(_open):
        with contextlib.suppress(sqlite3.Error):
            connection.close()
    _open.clear()


def _leave_all() -> None:
    _left.extend(_open)
    _open.clear()


call_before_forks(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
