"""Fixtures for tests that use amlflow from outside only: azureml.core, the command line, HTTP.

Nothing here imports amlflow, so that the same files run against an older version. The first version
fails each test of test_security.py, test_losses.py and test_reports.py. The other files have more
cases of the same problems::

    git worktree add /tmp/first 9f09ede && cd /tmp/first
    python -m venv .venv && .venv/bin/pip install -e '.[testing,trackio]'
    export PATH=$PWD/.venv/bin:$PATH PYTHONPATH=<this project>/tests
    P=<this project>/tests/integration/problems
    pytest -c /dev/null --rootdir $P --confcutdir $P $P

A test in a container needs a DOCKER_HOST there, with the image amlflow-tests/python:1 (Python 3).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.flaky_proxy import Proxy, start_proxy
from helpers.outside import Database, end_jobs, until

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "studio_uri" in getattr(item, "fixturenames", ()):  # one server for all of them
            item.add_marker(pytest.mark.xdist_group("problems"))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, with settings, jobs and a journal of the test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "AZUREML_"))]:
        monkeypatch.delenv(name)
    settings = {
        **QUIET,
        "XDG_CONFIG_HOME": tmp_path / "config",
        "XDG_STATE_HOME": tmp_path / "state",
        "AMLFLOW_JOBS": tmp_path / "state" / "jobs",
        "AMLFLOW_JOURNAL_FOLDER": tmp_path / "journal",
        "AMLFLOW_HEARTBEAT_SECONDS": "0.2",
        "AMLFLOW_FLUSH_SECONDS": "10",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    yield folder
    end_jobs(tmp_path / "state" / "jobs")


@pytest.fixture
def workspace(work: Path) -> Any:
    from azureml.core import Workspace

    return Workspace("sub", "group", "workspace")


@pytest.fixture
def experiment(workspace: Any) -> Any:
    from azureml.core import Experiment

    return Experiment(workspace, f"e{uuid.uuid4().hex[:12]}")


@pytest.fixture
def run(experiment: Any) -> Any:
    return experiment.start_logging(snapshot_directory=None)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "mlflow.db")


@pytest.fixture
def amlflow(work: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of amlflow's."""

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "amlflow", *words], env={**os.environ, **environment},
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return call


@pytest.fixture
def submit(work: Path, experiment: Any) -> Callable[..., Any]:
    """Submits code as a script."""

    def call(code: str, **config: Any) -> Any:
        from azureml.core import ScriptRunConfig

        (work / "src").mkdir(exist_ok=True)
        (work / "src" / "script.py").write_text(code)
        return experiment.submit(ScriptRunConfig("src", script="script.py", **config))

    return call


WAIT = """
import pathlib, time
while not pathlib.Path({go!r}).exists():
    time.sleep(0.05)
"""


@pytest.fixture
def gate(work: Path, submit: Callable[..., Any]) -> Iterator[Any]:
    """A job that occupies the only place of the target until it is opened."""
    (work / ".azureml").mkdir()
    (work / ".azureml" / "compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    go = work / "go"
    run = submit(WAIT.format(go=str(go)))
    run.open = go.touch
    yield run
    go.touch()


# --- The studio's server, which is an MLflow server ---------------------------------------------


@pytest.fixture(scope="session")
def studio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def studio_uri(studio_folder: Path) -> Iterator[str]:
    """The address of ``mlflow server --app-name amlflow`` on its own database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uri, log = f"http://127.0.0.1:{port}", (studio_folder / "log").open("wb")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{studio_folder}/mlflow.db",
            "--artifacts-destination", str(studio_folder / "artifacts"), "--app-name", "amlflow",
        ],
        # The job's name keeps tests from taking it for a process of their own work.
        env={**kept, **QUIET, "AMLFLOW_JOBS": str(studio_folder / "jobs"),
             "AMLFLOW_JOB": "services",
             "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        cwd=studio_folder, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip

    def is_ready() -> bool:
        assert process.poll() is None, (studio_folder / "log").read_text()
        with contextlib.suppress(urllib.error.URLError, OSError):
            return bool(urllib.request.urlopen(f"{uri}/health", timeout=5).status == 200)
        return False

    try:
        until(is_ready, "the server's start")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def studio(
    studio_uri: str, studio_folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Posts and gets below the studio's routes; the server is the tracking URI of this process."""
    import requests

    monkeypatch.setenv("MLFLOW_TRACKING_URI", studio_uri)

    class Studio:
        uri, folder = studio_uri, studio_folder
        database = Database(studio_folder / "mlflow.db")

        def __call__(self, method: str, path: str, **content: Any) -> Any:
            return requests.request(
                method, f"{studio_uri}/ajax-api/2.0/amlflow/{path}", timeout=60, **content
            )

    return Studio()


@pytest.fixture
def proxy(studio: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the server, which is the tracking URI of this process."""
    with start_proxy(studio.uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield proxy
