"""How the studio's app is set up: prefixes, workspaces, sockets, and `amlflow ui`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import services
from amlflow_page.nodelay import send_at_once


def test_under_a_prefix_with_workspaces_each_sees_its_own(sqlite_uri: str, tmp_path: Path):
    script = Path(__file__).parent / "under_prefix.py"
    environment = services.clean_environment(
        _MLFLOW_SERVER_FILE_STORE=sqlite_uri,
        _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
        _MLFLOW_SERVER_ARTIFACT_DESTINATION=str(tmp_path / "artifacts"),
        _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
        _MLFLOW_STATIC_PREFIX="/team",
        MLFLOW_ENABLE_WORKSPACES="true",
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["blue"] == {"rows": ["their run"], "get": 200, "views": ["their view"]}
    assert found["red"] == {"rows": [], "get": 404, "views": []}
    assert found["cancelled"] == [None, "Canceled"]
    assert found["page"] == [200, 304, True]
    assert found["files"] == [200, 404, 404]


def test_a_workers_connections_send_at_once():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))  # as uvicorn hands it to its workers
        send_at_once()
        listening.listen()
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
