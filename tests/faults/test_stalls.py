"""Whether a program waits for a host, or for something on this machine."""

from __future__ import annotations

import fcntl
import itertools
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from amlflow.environments import stalls
from amlflow.environments.stalls import StallWatch
from helpers.submitted_jobs import until

LIMIT_S = 10
PROGRAM = """
import fcntl, socket, subprocess, sys
port, kind, path = int(sys.argv[1]), *sys.argv[2:]
connection = socket.create_connection(("127.0.0.1", port))
if kind == "process":
    child = "print('ready', flush=True); input()"
    subprocess.run([sys.executable, "-c", child])
elif kind == "compiler":
    child = (
        "import socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        "print('ready', flush=True); c.recv(1)"
    )
    subprocess.run([sys.executable, "-c", child, str(port)])
elif kind == "lock":
    print("ready", flush=True)
    fcntl.flock(open(path), fcntl.LOCK_EX)
else:
    print("ready", flush=True)
    connection.recv(1)
"""
"""It has a connection, and waits for its other end, for a process or for a lock.

The process of the kind "compiler" waits for a server on this machine, as one of sccache does."""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("kind", ["host", "process", "compiler", "lock"])
def test_a_program_with_a_connection_may_wait_for_something_else(
    kind: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=itertools.count(step=LIMIT_S).__next__)
    monkeypatch.setattr(stalls, "time", clock)
    path = tmp_path / "lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(port), kind, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        with process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                if kind == "lock":
                    until(lambda: process.pid in stalls._find_waiting())
                watch = StallWatch(process.pid, LIMIT_S)
                hosts = {watch.find_host() for _ in range(5)}
                assert (f"127.0.0.1:{port}" in hosts) == (kind == "host")
            finally:
                assert process.stdin is not None
                process.stdin.close()
                fcntl.flock(lock, fcntl.LOCK_UN)
                if kind in ("host", "compiler"):  # the child ends when the port is closed
                    process.kill()
