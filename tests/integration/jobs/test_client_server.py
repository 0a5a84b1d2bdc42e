"""A script's own MLflow that cannot open the database logs through a server of the agent."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import mlflow
import psutil
import pytest
from amlflow import plugins
from amlflow.exceptions import UserErrorException
from amlflow.jobs.agent import script_environment
from amlflow.spec import JOB, Unavailable
from amlflow_local.tree import members
from amlflow_mlflow import client_server
from helpers import wheels
from helpers.submitted_jobs import new_experiment, submit, until, wait_for_end
from helpers.tiny_environments import environment_of, write_index

SERVING = ["-m", "amlflow_mlflow.client_server_process"]
CLIENT = """
import base64, json, os, urllib.request
def post(call, header=None, **content):
    header = authorization() if header is None else header
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + call, json.dumps(content).encode(),
        {"Content-Type": "application/json", "Authorization": header},
    )
    return json.load(urllib.request.urlopen(request))
def authorization():
    user, password = map(os.environ.get, ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"])
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]
"""
CREDENTIALS = {
    "MLFLOW_TRACKING_TOKEN": "users-token",
    "MLFLOW_TRACKING_USERNAME": "user",
    "MLFLOW_TRACKING_PASSWORD": "pässword",
}
"""Of another server that a script uses, too."""
SCRIPT = """
import mlflow, os, urllib.error
from azureml.core import Run
run = Run.get_context()
run.log("ours", 1)
address = os.environ["MLFLOW_TRACKING_URI"]
assert run.experiment.workspace.get_mlflow_tracking_uri() == address
run_id = os.environ["MLFLOW_RUN_ID"]
mlflow.post("runs/log-metric", run_id=run_id, key="theirs", value=2, timestamp=1, step=0)
try:
    mlflow.post("runs/log-metric", "Bearer guessed", run_id=run_id, key="x", value=3, timestamp=1)
except urllib.error.HTTPError as error:
    run.log("refused", error.code)
run.tag("address", address)
run.set_tags({name: os.environ[name] for name in os.environ if name.startswith("MLFLOW_TRACKING_")})
"""
PACKAGES = ("mlflow==1.0", "azureml-defaults")


def write_packages(folder: Path, *revisions: tuple[str, str]) -> Path:
    """Write a folder of packages with an MLflow whose migrations are these, and SQLAlchemy."""
    versions = folder / "mlflow" / "store" / "db_migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "sqlalchemy").mkdir()
    for revision, older in revisions:
        text = f'"""Create Date"""\n\nrevision = "{revision}"\ndown_revision = {older}\n'
        (versions / f"{revision}_change.py").write_text(text)
    return folder


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a wheel of an MLflow that opens no database."""
    folder = write_index(tmp_path / "wheels", monkeypatch)
    wheels.write_tiny(folder, "mlflow", "1.0", content=CLIENT, is_package=True)
    return folder


def test_a_script_logs_with_a_client_that_cannot_open_the_database(
    experiment: Any, links: Path
) -> None:
    run = submit(experiment, SCRIPT, environment=environment_of(links, *PACKAGES))
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert run.get_metrics() == {"ours": 1, "theirs": 2, "refused": 401}
    place = urlsplit(run.get_tags()["address"])
    assert not answers(place.hostname, place.port)  # after the run


def test_a_script_with_credentials_of_the_user_logs_to_postgresql(
    postgres_uri: str, links: Path, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres_uri)
    environment = environment_of(links, *PACKAGES)
    environment.environment_variables = CREDENTIALS
    run = submit(new_experiment(), SCRIPT, environment=environment)
    assert wait_for_end(run) == "Completed", run.get_details()["error"]
    assert run.get_metrics() == {"ours": 1, "theirs": 2, "refused": 401}
    tags = run.get_tags()
    assert {name: tags[name] for name in CREDENTIALS} == CREDENTIALS


def test_the_process_of_the_server_is_not_the_scripts(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JOB, "served")
    server = plugins.open_client_server(sqlite_uri, write_packages(tmp_path, ("a1", "None")), {})
    assert server is not None
    place = urlsplit(server.address)
    try:
        with socket.create_connection((place.hostname, place.port)):
            process = until(serving)
        assert process.cwd() == "/"  # so that no module of the user's folder is imported
        # A script that is told to end may still log.
        assert process not in members("served")
        process.kill()
        # Then a client does not wait for an answer.
        until(lambda: not answers(place.hostname, place.port))
    finally:
        server.stop()
    assert not process.is_running()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, ("127.0.0.1", "127.0.0.1")),
        ({"NO_PROXY": "intranet"}, ("intranet,127.0.0.1", "intranet,127.0.0.1")),
        ({"no_proxy": "intranet"}, ("intranet,127.0.0.1", "intranet,127.0.0.1")),
        ({"NO_PROXY": "a", "no_proxy": "b"}, ("a,127.0.0.1", "b,127.0.0.1")),
    ],
)
def test_what_the_script_reaches_without_a_proxy_stays(
    sqlite_uri: str, tmp_path: Path, before: dict[str, str], after: tuple[str, str]
) -> None:
    packages = write_packages(tmp_path, ("a1", "None"))
    server = plugins.open_client_server(sqlite_uri, packages, before)
    assert server is not None
    variables = server.variables
    server.stop()
    assert (variables["NO_PROXY"], variables["no_proxy"]) == after


def test_a_damaged_file_with_credentials_is_a_warning(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text("no section")
    assert ".mlflow/credentials" in warning_of(sqlite_uri, tmp_path, {})


@pytest.mark.parametrize("machine", ["machine 127.0.0.1", "default"])
def test_an_entry_of_netrc_without_a_password_does_not_open_the_database_to_other_users(
    sqlite_uri: str, tmp_path: Path, machine: str
) -> None:
    file = tmp_path / "netrc"
    file.write_text(f"{machine} login me\n")
    file.chmod(0o600)
    warning = warning_of(sqlite_uri, tmp_path, {"NETRC": str(file)})
    assert f"{file} that MLflow's client uses for 127.0.0.1 has no password" in warning


def warning_of(uri: str, folder: Path, environ: dict[str, str]) -> str:
    """Return why a script's MLflow is not served."""
    job: Any = SimpleNamespace(tracking_uri=uri)
    work: Any = SimpleNamespace(environment=environ)
    packages = write_packages(folder, ("a1", "None"))
    with contextlib.ExitStack() as stack:
        served, [warning] = script_environment._serve_client(job, work, packages, stack)
    assert served is work
    return warning


def serving() -> psutil.Process | None:
    """Return this process's child that serves a client."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.ZombieProcess):
            if child.cmdline()[1:3] == SERVING:
                return child
    return None


def answers(host: str | None, port: int | None) -> bool:
    """Whether something listens at a port."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_a_busy_tracker_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_busy(uri: str, packages: Path, environ: Mapping[str, str]) -> None:
        raise Unavailable("The database is busy.")

    monkeypatch.setattr(script_environment, "open_client_server", open_busy)
    job: Any = SimpleNamespace(tracking_uri="sqlite:////x.db")
    work: Any = SimpleNamespace(environment={})
    with contextlib.ExitStack() as stack:
        served = script_environment._serve_client(job, work, Path("packages"), stack)
    assert served == (work, ["The database is busy."])


def test_a_client_in_a_container_is_told_what_to_do() -> None:
    output = "mlflow.exceptions.MlflowException: Detected out-of-date database schema (found a1"
    (sentence,) = plugins.explain_failure(output)
    assert "Use an MLflow server" in sentence


def test_a_client_of_the_databases_schema_opens_it_itself(sqlite_uri: str, tmp_path: Path) -> None:
    ours = Path(mlflow.__file__).parents[1]
    assert plugins.open_client_server(sqlite_uri, ours, {}) is None
    assert plugins.open_client_server(sqlite_uri, tmp_path, {}) is None  # it has no mlflow
    assert plugins.open_client_server("http://127.0.0.1:1", ours, {}) is None


def test_the_newest_migration_is_the_schema(tmp_path: Path) -> None:
    folder = write_packages(tmp_path, ("b2", '"a1"'), ("a1", "None"), ("c3", "'b2'"))
    assert client_server.newest_revision(folder / "mlflow") == "c3"
    versions = folder / "mlflow" / "store" / "db_migrations" / "versions"
    (versions / "d4.py").write_bytes(b"# \xe9\nrevision = 'd4'\ndown_revision = 'c3'\n")
    assert client_server.newest_revision(folder / "mlflow") == "d4"
    (versions / "e5.py").write_text("revision = 'e5'\ndown_revision = 'c3'\n")
    assert client_server.newest_revision(folder / "mlflow") is None  # it has no single newest


def test_a_client_that_cannot_be_served_is_a_warning(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = write_packages(tmp_path / "old", ("a1", "None"))
    monkeypatch.setattr(client_server, "find_spec", lambda name: None)
    with pytest.raises(UserErrorException, match=r'cannot open.*pip install "amlflow\[ui\]"'):
        plugins.open_client_server(sqlite_uri, packages, {})
