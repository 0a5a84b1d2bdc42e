"""A small MLflow server for the first calls, with or without TLS, and a proxy, in this process."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = b"3.17.2"
EXPERIMENT = (
    b'{"experiment": {"experiment_id": "1", "name": "x", "lifecycle_stage": "active",'
    b' "artifact_location": "mlflow-artifacts:/1"}}'
)


@dataclass
class Heard:
    """The address of a server or proxy, and the calls that it has received, with their headers."""

    uri: str
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    """For a path, the one to which the server redirects."""


def titled(headers: Message) -> dict[str, str]:
    """Return headers by their names, written as in HTTP's standard."""
    return {name.title(): value for name, value in headers.items()}


@contextlib.contextmanager
def serve(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None) -> Iterator[str]:
    """Serve requests on a free port. Yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Answering(BaseHTTPRequestHandler):
    """A request handler that answers like a server with one experiment."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer as MLflow does: its version, or one experiment."""
        is_version = self.path.endswith("/version")
        body = VERSION if is_version else EXPERIMENT
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_version else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def mlflow_server(tls: ssl.SSLContext | None = None) -> Iterator[Heard]:
    """Start a server that tells its version and has one experiment."""

    class Handler(Answering):
        def do_GET(self) -> None:
            heard.calls.append((self.path, titled(self.headers)))
            moved = heard.redirects.get(self.path.partition("?")[0])
            if moved is None:
                self.answer()
                return
            self.send_response(302)
            self.send_header("Location", moved)
            self.send_header("Content-Length", "0")
            self.end_headers()

    heard = Heard("")
    with serve(Handler, tls) as heard.uri:
        yield heard


@contextlib.contextmanager
def forward_proxy() -> Iterator[Heard]:
    """Start a proxy that opens tunnels (CONNECT), and sends other calls to the host they name."""

    class Handler(Answering):
        def do_CONNECT(self) -> None:
            heard.calls.append((f"CONNECT {self.path}", titled(self.headers)))
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as target:
                self.send_response(200)
                self.end_headers()
                with selectors.DefaultSelector() as selector:  # select() needs small descriptors
                    selector.register(self.connection, selectors.EVENT_READ, target)
                    selector.register(target, selectors.EVENT_READ, self.connection)
                    while True:
                        for key, _ in selector.select(10):
                            source = target if key.data is self.connection else self.connection
                            data = source.recv(65536)
                            if not data:
                                self.close_connection = True
                                return
                            key.data.sendall(data)

        def do_GET(self) -> None:
            heard.calls.append((f"GET {self.path}", titled(self.headers)))
            self.answer()

    heard = Heard("")
    with serve(Handler, None) as heard.uri:
        yield heard
