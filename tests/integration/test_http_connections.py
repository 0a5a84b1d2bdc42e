"""Connections that are closed, answers that are cut off, and servers that change."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from amlflow.plugins import open_tracker
from amlflow.spec import Unavailable, tried_once
from amlflow_mlflow.rest.connection import Connection
from helpers.flaky_proxy import Reply, start_proxy

RUN = "0" * 32
VERSION = Reply(b"3.17.2", "text/html", headers=(("X-Frame-Options", "SAMEORIGIN"),))


@contextmanager
def dropping(drops: int) -> Iterator[tuple[list[bytes], str]]:
    """A server that answers a call and closes the connection on the next, so often."""
    calls: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    left = [drops]

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while line := file.readline():
                length = 0
                while (header := file.readline()).strip():
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                file.read(length)
                version = b"/version" in line
                if not version:
                    calls.append(line.split()[1])
                    if left[0]:
                        left[0] -= 1
                        return
                body = b"3.17.2" if version else b"{}"
                kind = b"text/html" if version else b"application/json"
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nContent-Type: %s\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (kind, len(body), body)
                )

    def listen() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield calls, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def answer_in_two_segments(connection: socket.socket) -> None:
    """Answer calls as MLflow's server does without uvloop: the body waits for the head's ACK."""
    body = b"3.17.2"
    with connection, connection.makefile("rb") as file:
        while file.readline():
            while file.readline().strip():
                pass
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nServer: uvicorn\r\nContent-Type: text/html\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            connection.sendall(body)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux has this option")
def test_an_answer_does_not_wait_for_a_delayed_acknowledgement() -> None:
    """Linux delays each acknowledgement by 40 ms, except the first ones of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connection = Connection(f"http://127.0.0.1:{listening.getsockname()[1]}")

        def serve() -> None:
            accepted, _ = listening.accept()
            answer_in_two_segments(accepted)

        threading.Thread(target=serve, daemon=True).start()
        took_s = []
        for _ in range(40):
            began = time.monotonic()
            connection.probe()
            took_s.append(time.monotonic() - began)
    # A busy machine delays some of the calls. Without the option, each of the last takes 40 ms.
    assert min(took_s[-20:]) < 0.02


def test_a_connection_that_the_server_closed_is_opened_anew_where_that_is_harmless() -> None:
    with dropping(1) as (calls, uri):
        tracker: Any = open_tracker(uri)
        with tried_once():
            tracker._store.set_tag(RUN, "a", "b")
        assert len(calls) == 2
    with dropping(1) as (calls, uri):
        tracker = open_tracker(uri)
        with pytest.raises(Unavailable):
            tracker._store.create_run("0", "me", 0, {}, "name")
        assert len(calls) == 1
    with dropping(2) as (calls, uri):
        tracker = open_tracker(uri)
        with tried_once(), pytest.raises(Unavailable, match="does not answer"):
            tracker._store.set_tag(RUN, "a", "b")


def test_an_answer_that_is_cut_off_is_asked_for_again_where_that_is_harmless() -> None:
    half = Reply(b'{"experiment": {"experi', announced=4000)
    asked: list[str] = []
    good = Reply(
        b'{"experiment": {"experiment_id": "1", "name": "x", "lifecycle_stage": "active"}}'
    )

    def rule(path: str, content: Any) -> Any:
        if path.endswith("/version"):
            return VERSION
        asked.append(path)
        return half if len(asked) == 1 else good

    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        proxy.rule = rule
        tracker: Any = open_tracker(uri)
        assert tracker._store.get_experiment_by_name("x").experiment_id == "1"
        assert len(asked) == 2
        asked.clear()
        with pytest.raises(Unavailable, match="cut off"):
            tracker._store.create_run("0", "me", 0, {}, "name")
        assert len(asked) == 1


def test_the_version_is_asked_for_again_where_a_servers_signs_change() -> None:
    """A server that comes back as another version is known; a stranger is not."""
    signs = [("X-Frame-Options", "SAMEORIGIN")]

    def rule(path: str, content: Any) -> Any:
        if path.endswith("/version"):
            return Reply(b"3.18.0", "text/html", headers=tuple(signs))
        return Reply(b"{}", headers=tuple(stranger or signs))

    stranger: list[tuple[str, str]] = []
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        proxy.rule = rule
        tracker: Any = open_tracker(uri)
        tracker._store.set_tag(RUN, "a", "b")
        signs[:] = [("X-Frame-Options", "DENY")]
        tracker._store.set_tag(RUN, "a", "b")
        stranger[:] = [("X-Frame-Options", "ALLOW")]
        with pytest.raises(Unavailable, match="does not answer as MLflow does"):
            tracker._store.set_tag(RUN, "a", "b")
