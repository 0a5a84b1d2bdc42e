"""The agent's side: calls the tracker for a script that does not have the tracker's client."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from amlflow.exceptions import AzureMLException
from amlflow.relay.calls import FETCHES, METHODS, STREAMED
from amlflow.relay.wire import (
    Connection,
    WireError,
    address_of,
    decode,
    encode,
    encode_error,
)
from amlflow.spec import Tracker, Unavailable, tried_once

logger = logging.getLogger("amlflow.agent")

ITEMS = 100
"""How many results are sent in one frame."""
NAME = "agent"


class RelayServer:
    """A server of a tracker, on a socket in a folder. Whoever can open the folder can use it.

    Args:
        folder: The folder, which is made so that only the user can open it.
        uri: The tracker's URI.
        open_tracker: Opens the tracker with all of the contract's methods. It is called in a thread
            of its own, since that may take long.
    """

    def __init__(self, folder: Path, uri: str, open_tracker: Callable[[], Tracker]) -> None:
        self._folder, self._uri, self._open = folder, uri, open_tracker
        self._tracker: Any = None
        self._lock = threading.Lock()
        self.path = folder / NAME

    def start(self) -> None:
        """Listen, and open the tracker in the background. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with address_of(self.path) as address:
            self._listening.bind(address)
        os.chmod(self.path, 0o600)
        self._listening.listen(128)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        threading.Thread(target=self._warm, name="relay-open", daemon=True).start()

    def stop(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.path.unlink(missing_ok=True)

    def _warm(self) -> None:
        with contextlib.suppress(AzureMLException):  # the first call tries again, and reports it
            self._ensure_tracker()

    def _ensure_tracker(self) -> Any:
        with self._lock:
            if self._tracker is None:
                self._tracker = self._open()
            return self._tracker

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:  # it is closed
                return
            threading.Thread(
                target=self._serve, args=(Connection(connected),), name="relay-call", daemon=True
            ).start()

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(WireError, OSError):  # the script has ended
            while True:
                with tempfile.TemporaryDirectory(dir=self._folder) as files:
                    self._answer(connection, Path(files))
        connection.close()

    def _answer(self, connection: Connection, folder: Path) -> None:
        request = connection.receive()
        method = request.get("method")
        files = [folder / str(number) for number in range(int(request.get("files", 0)))]
        if method not in FETCHES:
            for file in files:
                connection.receive_file(file)
        arguments = decode(request.get("arguments"), files)
        keywords = decode(request.get("keywords"), files)
        try:
            with tried_once() if request.get("once") else contextlib.nullcontext():
                result = self._call(method, arguments, keywords)
                if method in STREAMED:
                    self._stream(connection, result)
                    return
            answer = {"result": encode(result)}
        except WireError:
            raise
        except AzureMLException as error:
            answer = {"error": encode_error(error)}
        except ImportError as error:  # the installation is at fault, so the call may work later
            logger.exception("The tracker's plugin cannot import what it needs.")
            away = Unavailable(f"The tracker's plugin cannot import what it needs: {error}.")
            answer = {"error": encode_error(away)}
        except Exception as error:
            logger.exception("A call of the script failed.")
            answer = {"error": encode_error(error)}
        _send(connection, answer)
        if method in FETCHES and "result" in answer:
            for file in files:
                connection.send_file(file)

    def _call(self, method: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        tracker = self._ensure_tracker()
        if method == "describe":
            limits = list(tracker.known_limits)
            return {"uri": self._uri, "features": tracker.features, "known_limits": limits}
        if method not in METHODS:
            raise WireError(f"{method!r} is not a method of a tracker.")
        return getattr(tracker, method)(*arguments, **keywords)

    def _stream(self, connection: Connection, results: Iterable[Any]) -> None:
        items = []
        for item in results:
            items.append(encode(item))
            if len(items) == ITEMS:
                _send(connection, {"items": items})
                items = []
        _send(connection, {"items": items, "end": True})


def _send(connection: Connection, frame: dict[str, Any]) -> None:
    """Send a frame.

    Raise WireError if the script has ended: an OSError may also come from the tracker's own call.
    """
    try:
        connection.send(frame)
    except OSError as error:
        raise WireError(f"The script has closed its connection: {error}") from error
