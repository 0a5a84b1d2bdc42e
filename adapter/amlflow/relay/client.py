"""The script's side: a tracker whose calls are made by the agent."""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from amlflow.relay.calls import FETCHES, METHODS, STREAMED
from amlflow.relay.wire import (
    Connection,
    WireError,
    address_of,
    decode,
    decode_error,
    encode,
)
from amlflow.spec import Tracker, Unavailable, is_tried_once

VARIABLE = "AMLFLOW_RELAY"
"""The environment variable with the path of the agent's socket."""


def open_relay(uri: str) -> Tracker | None:
    """Return the tracker at a URI, reached through the agent; None if no agent here serves it.

    Raises:
        Unavailable: the agent does not answer.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    tracker = RelayTracker(Path(path))
    return cast(Tracker, tracker) if tracker.uri == uri else None


class RelayTracker:
    """A tracker whose calls go to the agent, as :class:`amlflow.spec.Tracker` describes them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._names: set[str] = set()
        description = self._call("describe")
        self.uri: str = description["uri"]
        self.features: frozenset[str] = description["features"]
        self.known_limits = description["known_limits"]

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)
        if name in STREAMED:
            return functools.partial(self._stream, name)
        return functools.partial(self._call, name)

    def check_name(self, name: str) -> None:
        """Check a name. The agent is asked once for each name, as each logged value has one."""
        if name not in self._names:
            self._call("check_name", name)
            self._names.add(name)

    def _call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        request, files = _to_request(method, arguments, keywords)
        connection = self._connection()
        try:
            answer = _exchange(connection, request, files)
            if method in FETCHES and "error" not in answer:
                for file in files:
                    connection.receive_file(file)
        except (OSError, WireError) as failure:
            self._forget()
            raise _to_unavailable(failure) from failure
        except BaseException:
            self._forget()  # the rest of an answer may still arrive on this connection
            raise
        return _result_of(answer)

    def _stream(self, method: str, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        request, files = _to_request(method, arguments, keywords)
        connection = self._connect()  # a new one, since other calls are made during the reading
        try:
            answer = _exchange(connection, request, files)
            while True:
                if "error" in answer:
                    _result_of(answer)
                yield from decode(answer["items"])
                if answer.get("end"):
                    return
                answer = connection.receive()
        except (OSError, WireError) as failure:
            raise _to_unavailable(failure) from failure
        finally:
            connection.close()

    def _connection(self) -> Connection:
        """Return this thread's connection. A forked child gets a new one, not its parent's."""
        known = getattr(self._local, "connection", None)
        if known is None or known[0] != os.getpid():
            known = (os.getpid(), self._connect())
            self._local.connection = known
        connection: Connection = known[1]
        return connection

    def _forget(self) -> None:
        known = getattr(self._local, "connection", None)
        if known is not None:
            self._local.connection = None
            known[1].close()

    def _connect(self) -> Connection:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with address_of(self._path) as address:
                connected.connect(address)
        except OSError as failure:
            connected.close()
            raise _to_unavailable(failure) from failure
        return Connection(connected)


def _to_request(method: str, arguments: Any, keywords: Any) -> tuple[dict[str, Any], list[Path]]:
    """Make the frame of a call, and list its files. Raises OSError if a file to send is missing."""
    files: list[Path] = []
    request = {
        "method": method, "arguments": encode(list(arguments), files),
        "keywords": encode(keywords, files), "once": is_tried_once(),
    }  # fmt: skip
    request["files"] = len(files)
    if method not in FETCHES:
        for file in files:
            file.open("rb").close()
    return request, files


def _exchange(connection: Connection, request: dict[str, Any], files: list[Path]) -> dict[str, Any]:
    connection.send(request)
    if request["method"] not in FETCHES:
        for file in files:
            connection.send_file(file)
    return connection.receive()


def _result_of(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise decode_error(answer["error"])
    return decode(answer.get("result"))


def _to_unavailable(failure: Exception) -> Unavailable:
    return Unavailable(f"The agent of this run does not answer ({failure}).")
