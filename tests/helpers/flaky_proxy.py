"""A proxy in front of an MLflow server that cuts off, delays, doubles and refuses calls."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PASS = "pass"
CUT_BEFORE, CUT_AFTER = "cut before", "cut after"
"""Close the connection before the call reaches the server, or before the answer is sent."""
DOUBLE = "double"
"""Make the call twice."""


@dataclass(frozen=True)
class Reply:
    """An answer that the proxy itself gives. The call does not reach the server.

    ``announced`` is the length in the header, if it is not the length of the body.
    """

    body: bytes = b""
    kind: str | None = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    announced: int | None = None


@dataclass(frozen=True)
class Drip:
    """An answer that does not end for 20 seconds: a byte of it comes each ``pause_s``.

    ``beginning`` comes at once. The call does not reach the server.
    """

    beginning: bytes
    pause_s: float = 0.02


DRIPS = {
    "headers that never end": Drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "many headers": Drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"),
    "a body that never ends": Drip(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    ),
    "chunks that never end": Drip(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1000000\r\n{"
    ),
    "an error that never ends": Drip(b"HTTP/1.1 503 Wait\r\nContent-Length: 1000000\r\n\r\n"),
}

FOREIGN = {
    "empty": Reply(b"", None),
    "OK": Reply(b"OK", "text/plain"),
    "an object of another's": Reply(b'{"status": "ok"}'),
    "a list": Reply(b"[]"),
    "null": Reply(b"null"),
    "a number": Reply(b"1"),
    "a text": Reply(b'"done"'),
    "a page": Reply(b"<!doctype html><title>Please log in</title>", "text/html"),
    "the right text as a page": Reply(b"{}", "text/html"),
    "no content": Reply(b"", None, 204),
    "accepted": Reply(b"{}", status=202),
    "half an object": Reply(b'{"run": {"info": {"run_id": "'),
    "less than announced": Reply(b'{"run"', announced=4000),
    "an empty object": Reply(b"{}"),
    "not JSON": Reply(b'{"run": NaN}'),
    "deep": Reply(b'{"run":' * 100_000),
    "an empty run": Reply(b'{"run": {}, "run_info": {}, "experiment": {}, "files": [{}]}'),
    "a list for a run": Reply(
        b'{"run": [], "run_info": 3, "runs": {}, "files": 1, "experiment": 0}'
    ),
    "an error that is none": Reply(b'{"error_code": "INTERNAL_ERROR", "message": "no"}'),
    "moved here": Reply(b"", None, 302, (("Location", "/login"),)),
    "moved away": Reply(b"", None, 307, (("Location", "http://127.0.0.1:9/login"),)),
}
"""Answers to any call that say success, but do not come from MLflow."""

Rule = Callable[[str, Any], Any]
"""A function that decides what to do with a call, by its path and content.

It returns one of the constants above, a number of seconds to wait before the answer,
(status, headers) to answer with, a :class:`Reply` or a :class:`Drip`.
"""


def always_pass(path: str, content: Any) -> Any:
    """The rule that lets each call pass."""
    return PASS


class Proxy:
    """A proxy, and the rule that it follows now."""

    def __init__(self, uri: str, prefix: str = "") -> None:
        self.rule: Rule = always_pass
        self.calls: list[tuple[str, Any]] = []
        """The path of each call to which the rule did something, and what it did."""
        self.hidden: set[str] = set()
        """Names of headers, in lower case, that are removed from the server's answers."""
        self.dripping = 0
        """How many answers are dripping now."""
        self.waited_out = 0
        """For how many dripping answers a client has waited to the end."""
        self._target, self._prefix = urlsplit(uri).netloc, prefix

    def down(self, path: str, content: Any) -> Any:
        """A rule for :attr:`rule`: the server is not there."""
        return CUT_BEFORE

    def forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, bytes]:
        """Send a call to the server behind the proxy. Returns the status, headers and body."""
        connection = http.client.HTTPConnection(self._target, timeout=60)
        try:
            headers = {
                key: value
                for key, value in handler.headers.items()
                if key.lower() not in ("host", "transfer-encoding")
            }
            connection.request(handler.command, handler.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @staticmethod
    def _body(handler: BaseHTTPRequestHandler) -> bytes:
        if handler.headers.get("Transfer-Encoding") != "chunked":
            return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        body = b""
        while size := int(handler.rfile.readline(), 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        handler.rfile.readline()
        return body

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Do with a call what the proxy's rule says."""
        body = self._body(handler)
        if not handler.path.startswith(f"{self._prefix}/"):
            self._answer(handler, 404, [("Content-Type", "text/html")], b"Another page")
            return
        handler.path = handler.path.removeprefix(self._prefix)
        content = None
        with contextlib.suppress(ValueError):
            content = json.loads(body)
        action = self.rule(handler.path, content)
        if action != PASS:
            self.calls.append((handler.path, action))
        if action == CUT_BEFORE:
            handler.close_connection = True
            return
        if isinstance(action, Drip):
            self._drip(handler, action)
            return
        if isinstance(action, Reply):
            headers = [*action.headers, *([("Content-Type", action.kind)] if action.kind else [])]
            if action.announced is not None:
                handler.close_connection = True
            self._answer(handler, action.status, headers, action.body, action.announced)
            return
        if isinstance(action, tuple):
            status, headers = action
            self._answer(handler, status, list(headers.items()), b"{}")
            return
        status, headers, answer = self.forward(handler, body)
        if action == DOUBLE:
            status, headers, answer = self.forward(handler, body)
        if isinstance(action, (int, float)):
            time.sleep(action)
        if action == CUT_AFTER:
            handler.close_connection = True
            return
        shown = [(key, value) for key, value in headers if key.lower() not in self.hidden]
        self._answer(handler, status, shown, answer)

    def allowed_s(self, timeout_s: float, size: int) -> float:
        """In place of ``limited_reads.allowed_s``: a moment, but only for an answer that drips."""
        return 0.3 if self.dripping else 60

    def _drip(self, handler: BaseHTTPRequestHandler, drip: Drip) -> None:
        handler.close_connection = True
        self.dripping += 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handler.wfile.write(drip.beginning)
            for _ in range(int(20 / drip.pause_s)):
                time.sleep(drip.pause_s)
                handler.wfile.write(b" ")
            self.waited_out += 1
        self.dripping -= 1

    @staticmethod
    def _answer(
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: Any,
        body: bytes,
        announced: int | None = None,
    ) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handler.send_response(status)
            for key, value in headers:
                if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                    handler.send_header(key, value)
            handler.send_header(
                "Content-Length", str(len(body) if announced is None else announced)
            )
            handler.end_headers()
            handler.wfile.write(body)


@contextlib.contextmanager
def start_proxy(uri: str, prefix: str = "") -> Iterator[tuple[Proxy, str]]:
    """Start a proxy in front of the server at a URI. Yields the proxy and its own URI.

    ``prefix`` is a path, such as ``/tools/mlflow``, below which the proxy shows the server.
    """
    proxy = Proxy(uri, prefix)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise each answer waits for 40 ms

        def _handle(self) -> None:
            proxy.handle(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
