"""In the script: a tracker whose calls the agent makes."""

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
"""The variable with the path of the agent's socket."""


def open_relay(uri: str) -> Tracker | None:
    """The tracker at a URI by way of the agent, or None if this process has no agent for it.

    Raises:
        Unavailable: the agent does not answer.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    tracker = RelayTracker(Path(path))
    return cast(Tracker, tracker) if tracker.uri == uri else None


class RelayTracker:
    """See :class:`amlflow.spec.Tracker` for what each method promises."""

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
        """As each value is logged under a name, the agent is asked once for each name."""
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
            self._forget()  # half of an answer may be on its way
            raise
        return _result_of(answer)

    def _stream(self, method: str, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        request, files = _to_request(method, arguments, keywords)
        connection = self._connect()  # its own, since other calls are made while it is read
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
        """This thread's connection; a child of a fork does not use its parent's."""
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
    """The frame of a call and its files. Raises OSError: a file that is to be sent is not there."""
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
