"""The process that makes the calls of a script on an older Python."""

from __future__ import annotations

import importlib
import logging
import shutil
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from amlflow.old_pythons.client.values import parse_line, to_line
from amlflow.old_pythons.served_objects import (
    ServedObjects,
    enter_directory,
    member_of,
    remove_files,
)

logger = logging.getLogger("amlflow")

ROOT = "azureml"
"""The package from which a script can import modules."""


def main(handle: int, folder: str) -> None:
    """Serve a listening socket until the script and its children have closed their connections."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # first read all that the script has sent
    try:
        Server(socket.socket(fileno=handle)).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server that makes the calls that arrive on a socket, with a thread for each connection."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._objects = ServedObjects()
        self._changed = threading.Condition()
        self._open = 0

    def run(self) -> None:
        """Serve until all connections are closed."""
        self._accept()
        threading.Thread(target=self._accept_all, name="accept", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)

    def _accept_all(self) -> None:
        while True:
            self._accept()

    def _accept(self) -> None:
        connected, _ = self._listening.accept()
        with self._changed:
            self._open += 1
        threading.Thread(target=self._serve, args=(connected,), name="calls", daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        try:
            with connected, connected.makefile("rb") as requests:
                for line in requests:
                    if not line.endswith(b"\n"):
                        return  # the script was killed while it wrote this line
                    request = parse_line(line)
                    if isinstance(request, list):
                        self._log(*request)
                    else:
                        connected.sendall(to_line(self._answer(request)))
        except OSError:  # the script has ended, and nobody waits for the answer
            return
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _log(self, number: int, name: str, value: Any, step: int | None) -> None:
        try:
            self._objects.get(number).log(name, value, "", step)
        except Exception:
            logger.exception("The value %r could not be logged as %r.", value, name)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        files: list[Path] = []
        try:
            self._objects.release(request.get("released", ()))
            enter_directory(request.get("directory"))
            action = request.get("do")
            if action == "describe":
                return self._objects.describe(self._objects.get(request.get("target")))
            return {"result": self._objects.encode(self._do(action, request, files))}
        except Exception as error:  # noqa: BLE001, the script raises it
            return {"error": self._objects.encode_error(error)}
        finally:
            remove_files(files)

    def _do(self, action: Any, request: dict[str, Any], files: list[Path]) -> Any:
        name = request.get("name")
        arguments = [self._objects.decode(item, files) for item in request.get("arguments", ())]
        if action == "import":
            _import(name)
            return None
        if action == "get_name":
            return member_of(_import(name), *arguments)
        target = self._objects.get(request.get("target"))
        if action == "get":
            return member_of(target, name)
        if action == "set":
            setattr(target, str(name), *arguments)
            return None
        keywords = {
            key: self._objects.decode(item, files)
            for key, item in request.get("keywords", {}).items()
        }
        if name == "__next__":
            for item in target:
                return [item]
            return None
        if name == "__exit__":
            [error] = arguments
            return target.__exit__(None if error is None else type(error), error, None)
        function = target if name is None else member_of(target, name)
        return function(*arguments, **keywords)


def _import(name: Any) -> Any:
    if not isinstance(name, str) or name.split(".")[0] != ROOT:
        raise ImportError(f"{name!r} is not a module of {ROOT}.")
    return importlib.import_module(name)
