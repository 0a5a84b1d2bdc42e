"""How the studio's app is set up: prefixes, workspaces, sockets, and `amlflow ui`."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from amlflow_page.tcp_nodelay import send_at_once
from blocks import block
from helpers import servers
from helpers.studio import Server
from helpers.submitted_jobs import until

SLOW_S = 300
"""For what a test does not wait for unless something is wrong, however busy the machine is."""


def test_under_a_prefix_with_workspaces_each_sees_its_own(sqlite_uri: str, tmp_path: Path):
    script = Path(__file__).parent / "under_prefix.py"
    environment = servers.clean_environment(
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
    assert found["logs"] == "one\n"
    assert found["page"] == [200, 304, True]
    assert found["files"] == [200, 404, 404]


def test_basic_auth_ends_at_once_without_a_first_password(tmp_path: Path, empty_database: Path):
    file = tmp_path / "auth.ini"
    file.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = ada\n"
    )
    environment = servers.clean_environment(
        MLFLOW_AUTH_CONFIG_PATH=str(file), MLFLOW_FLASK_SERVER_SECRET_KEY="key"
    )
    done = subprocess.run(
        [
            sys.executable, "-m", "mlflow", "server", "--app-name", "amlflow-basic-auth",
            "--port", str(servers.free_port()), "--backend-store-uri",
            f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}",
        ],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "MLFLOW_AUTH_ADMIN_PASSWORD" in done.stderr
    assert "Started server process" not in done.stderr


def test_a_workers_connections_send_at_once():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))  # as uvicorn hands it to its workers
        send_at_once()
        listening.listen()
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that holds the address that a browser was opened with."""
    file = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {file}.new && mv {file}.new {file}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    return file


def ui(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *block("ui").split(), *options],
        cwd=folder,
        env=servers.clean_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_amlflow_ui_opens_the_folders_runs_and_ends_when_told(
    folder: Path,
    empty_database: Path,
    opened: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    from amlflow_page.command import ui as show_server
    from azureml.core import Experiment, Workspace

    shutil.copyfile(empty_database, folder / "mlflow.db")
    run = Experiment(Workspace.from_config(), "explore-runs").start_logging(snapshot_directory=None)
    run.complete()
    port = servers.free_port()
    command = ui(folder, "--port", str(port))
    try:
        until(lambda: opened.exists() or command.poll() is not None, SLOW_S, "a browser")
        assert command.poll() is None, command.communicate()[1]
        address = opened.read_text().strip()
        assert address == f"http://127.0.0.1:{port}/#/amlflow/runs"
        server = address.partition("#")[0]
        assert "amlflow/static/studio.js" in requests.get(server, timeout=SLOW_S).text
        search = f"{server}ajax-api/2.0/amlflow/runs/search"
        rows = requests.post(search, json={}, timeout=SLOW_S).json()["rows"]
        assert [each["id"] for each in rows] == [run.id]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        show_server(no_browser=True)
        assert capsys.readouterr() == (f"All runs: {address}\n", "")
        family = psutil.Process(command.pid).children(recursive=True)
        command.send_signal(signal.SIGTERM)
        written, warnings = command.communicate(timeout=SLOW_S)
        assert command.returncode == 0
        assert written.split("\n")[-2:] == [f"All runs: {address}", ""]
        assert "INFO" not in warnings
        assert "GET /" not in warnings
        assert "[MLflow]" not in warnings
        psutil.wait_procs(family, SLOW_S)
        assert not any(each.is_running() for each in family)
    finally:
        if command.poll() is None:
            for each in psutil.Process(command.pid).children(recursive=True):
                each.kill()
            command.kill()


def test_amlflow_ui_says_what_is_wrong_with_a_port(folder: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = ui(folder, "--port", port).communicate(timeout=60)[1]
    assert f"Port {port} cannot be used" in refused
    assert "--port" in refused


def test_amlflow_ui_of_a_server_with_users_opens_its_studio(
    folder: Path, studio: Server, opened: Path, monkeypatch: pytest.MonkeyPatch
):
    from amlflow_page.command import ui as command

    uri = studio.uri.replace("://", "://somebody:secret@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{uri}/")
    command(no_browser=False)
    assert opened.read_text().strip() == f"{studio.uri}/#/amlflow/runs"


def test_amlflow_ui_leaves_other_trackers_to_their_own_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow.exceptions import UserErrorException
    from amlflow_page.command import ui as command

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"trackio://{folder}/runs")
    with pytest.raises(UserErrorException, match="that tracker's own page"):
        command()
