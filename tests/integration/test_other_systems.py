"""Logging, files, queries and commands without the functions that Windows and macOS lack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from azureml.core import Experiment, Workspace
from helpers import servers
from helpers import studio as studio_helper

TESTS = Path(__file__).resolve().parents[1]

UI = """
import os, sys
os.environ["WINDOWS_STARTS"] = "later"
from helpers import windows_stand_in
windows_stand_in.install()
from amlflow.cli import main
sys.exit(main(sys.argv[1:]))
"""

WINDOWS = """
import importlib, os, pkgutil, sqlite3, sys
from pathlib import Path
from helpers import windows_stand_in
windows_stand_in.install()
from azureml.core import Experiment, ScriptRunConfig, Workspace
from azureml.exceptions import ComputeTargetException
experiment = Experiment(Workspace("s", "g", "w"), "windows")
"""

DIES = """
run = experiment.start_logging(snapshot_directory=None)
database = sqlite3.connect("mlflow.db")
database.execute("BEGIN IMMEDIATE")  # so that what is logged waits in the journal
run.log("loss", 1.5)
print(run.id)
sys.stdout.flush()
os._exit(3)
"""

WALK = r"""
Path("notes.txt").write_bytes(b"one\ntwo\r\n")
Path("train.py").write_text("print('hello')", encoding="utf-8")
run = experiment.start_logging(snapshot_directory=".")
for number in range(3):
    run.log("loss", number / 4)
run.tag("who", "me")
run.upload_file("outputs/notes.txt", "notes.txt")
Path("outputs").mkdir(exist_ok=True)
Path("outputs/more.txt").write_text("more", encoding="utf-8")
with run.child_run(name="part") as child:
    child.log("m", 1)
run.complete()
assert run.get_metrics() == {"loss": [0.0, 0.25, 0.5]}, run.get_metrics()
run.download_file("outputs/notes.txt", "back.txt")
assert Path("back.txt").read_bytes() == b"one\ntwo\r\n"
assert "outputs/more.txt" in run.get_file_names()
assert run.get_details()["status"] == "Completed"
assert experiment.query("[?tags.who == 'me'].run_id") == [run.id]
[dead] = [r for r in experiment.get_runs() if r.id == sys.argv[1]]
assert dead.get_status() == "NotResponding", dead.get_status()
assert dead.get_metrics() == {"loss": 1.5}

try:
    experiment.submit(ScriptRunConfig(".", script="train.py"))
except ComputeTargetException as error:
    print(error.message)
assert len(list(experiment.get_runs())) == 2

from amlflow.cli import main
for command in ("run list -e windows", "run metrics --run " + run.id, "sync"):
    sys.argv = ["amlflow", *command.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (command, end.code)
"""

IMPORTS = """
import amlflow, amlflow_mlflow.rest
NOT_HERE = ("amlflow.data", "amlflow.jobs.agent", "amlflow.old_pythons", "amlflow.testing")
for package in (amlflow, amlflow_mlflow.rest):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith(NOT_HERE) and "__main__" not in module.name:
            importlib.import_module(module.name)
"""

SUBMITS = """
import sys
from azureml.core import Experiment, ScriptRunConfig, Workspace
assert sys.platform == "darwin"
run = Experiment(Workspace("s", "g", "w"), "macos").submit(
    ScriptRunConfig("code", script="train.py")
)
run.wait_for_completion()
assert run.get_status() == "Completed", run.get_details()
assert run.get_metrics() == {"loss": 0.5}
assert "outputs/model.txt" in run.get_file_names()
assert run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"] == "trained\\n"
"""

SUBMITTED = """
import os, sys
from pathlib import Path
from azureml.core import Run
assert sys.platform == "darwin" and not hasattr(os, "waitid")
Run.get_context().log("loss", 0.5)
Path("outputs").mkdir(exist_ok=True)
Path("outputs/model.txt").write_text("weights")
print("trained")
"""


WHOLE_LIFE = """
import runpy, sys
from helpers import windows_stand_in
windows_stand_in.install()
runpy.run_path(sys.argv[1], run_name="__main__")
"""


STUDIO = """
import os, sys
import mlflow.server, mlflow.store.tracking.sqlalchemy_store  # with its own ways for each system
import pandas
for name in [name for name in sys.modules if name.startswith("amlflow")]:
    del sys.modules[name]
from helpers import windows_stand_in
windows_stand_in.install()
from amlflow_page import access, app
from azureml.core import Experiment, Workspace
from mlflow.server.handlers import initialize_backend_stores
run = Experiment(Workspace("s", "g", "w"), "windows").start_logging(snapshot_directory=None)
run.log("loss", 0.5)
run.complete()
uri = f"sqlite:///{os.getcwd()}/mlflow.db"
os.environ["_MLFLOW_SERVER_FILE_STORE"] = uri
initialize_backend_stores(uri, uri, "mlruns")
app.extend(mlflow.server.app, access.Everybody())
client = mlflow.server.app.test_client()
studio = "/ajax-api/2.0/amlflow"
assert b"studio.js" in client.get("/").data
[row] = client.post(f"{studio}/runs/search", json={}).get_json()["rows"]
assert row["run_id"] == run.id, row
assert client.get(f"{studio}/runs/get?run_id={run.id}").get_json()["status"] == "Completed"
tags = {"run_ids": [run.id], "set": {"a": "b"}}
assert client.post(f"{studio}/runs/tags", json=tags).status_code == 200
assert client.get(f"{studio}/views").get_json()["views"] == []
assert client.get(f"{studio}/runs/logs?run_id={run.id}").status_code == 200
"""


@contextlib.contextmanager
def started(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Start a command that goes on. At the end, kill what is left of it."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=servers.clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def walk_through_the_studio(address: str, finished: str, running: str) -> None:
    """Ask for what the studio asks for: lists, queries, a run, its log, views and Cancel."""
    studio = studio_helper.Server(address)
    assert "studio.js" in requests.get(address, timeout=60).text
    assert {row["id"] for row in studio.rows(None)} == {finished, running}
    assert [row["id"] for row in studio.rows(None, query="[?metrics.loss > `0.4`]")] == [finished]
    assert [row["id"] for row in studio.rows(None, text="running")] == [running]
    assert studio.post("runs/search", None, query="[?nope(").status_code == 400
    for path in ("get", "details", "metrics", "files", "logs"):
        answer = studio.get(f"runs/{path}", None, run_id=finished)
        assert answer.status_code == 200, (path, answer.text)
    assert studio.get("runs/get", None, run_id=finished).json()["status"] == "Completed"
    assert studio.post("runs/tags", None, run_ids=[finished], set={"a": "b"}).status_code == 200
    answer = studio.post("runs/curves", None, run_ids=[finished], names=["loss"])
    assert answer.status_code == 200, answer.text
    [canceled] = studio.post("runs/cancel", None, run_ids=[running]).json()["runs"]
    assert (canceled["status"], canceled["error"]) == ("Canceled", None)
    [refused] = studio.post("runs/cancel", None, run_ids=[finished]).json()["runs"]
    assert refused["status"] == "Completed" or refused["error"]
    answer = studio.get("views", None)
    assert answer.json()["views"] == []


def check_studio(command: list[str], folder: Path, **environment: str) -> list[psutil.Process]:
    """Start ``amlflow ui``, walk through the studio, and press Ctrl-C. Returns its processes."""
    port = str(servers.free_port())
    experiment = Experiment(Workspace.from_config(), "studio")
    finished = experiment.start_logging(snapshot_directory=None)
    finished.log("loss", 0.5)
    finished.complete()
    running = experiment.start_logging(display_name="running", snapshot_directory=None)
    line = [*command, "ui", "--no-browser", "--port", port]
    with started(line, folder, **environment) as process:
        assert process.stdout is not None
        shown = process.stdout.readline()
        assert shown == f"All runs: http://127.0.0.1:{port}/#/amlflow/runs\n", process.communicate()
        walk_through_the_studio(f"http://127.0.0.1:{port}", finished.id, running.id)
        family = psutil.Process(process.pid).children(recursive=True)
        with started(line, folder, **environment) as second:
            assert f"Port {port} cannot be used" in second.communicate(timeout=60)[1]
        process.send_signal(signal.SIGINT)
        written, errors = process.communicate(timeout=60)
        assert (process.returncode, written, errors) == (0, "", "")
        assert psutil.wait_procs(family, 10)[1] == []
    return family


@pytest.mark.long  # each process imports MLflow
def test_the_studio_starts_without_what_windows_lacks(folder: Path, tmp_path: Path) -> None:
    processes = tmp_path / "processes"
    path = os.pathsep.join(map(str, (TESTS, TESTS / "helpers" / "windows_server")))
    family = check_studio(
        ["-c", UI], folder, PYTHONPATH=path, WINDOWS_STARTS="now", WINDOWS_PROCESSES=str(processes)
    )

    windows = {int(line) for line in processes.read_text().split()}
    # The server's two workers, and at least one process of queries.
    assert len(windows & {process.pid for process in family}) >= 3


@pytest.mark.long  # each process imports MLflow
def test_the_studio_starts_without_what_macos_lacks(folder: Path) -> None:
    path = str(TESTS / "helpers" / "mac_stand_in")
    check_studio(["-m", "amlflow"], folder, PYTHONPATH=path)


def run_script(
    code: str, folder: Path, *arguments: str, path: Path = TESTS, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-c", code, *arguments],
        cwd=folder,
        env=servers.clean_environment(
            PYTHONPATH=str(path),
            AMLFLOW_JOURNAL_FOLDER=str(folder / "journals"),
            AMLFLOW_JOBS=str(folder / "jobs"),
            **environment,
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_what_windows_lacks(tmp_path: Path) -> None:
    died = run_script(WINDOWS + DIES, tmp_path)
    assert died.returncode == 3, died.stderr
    run_id = died.stdout.strip()

    walk = run_script(WINDOWS + IMPORTS + WALK, tmp_path, run_id)

    assert walk.returncode == 0, walk.stderr
    assert "Scripts are not submitted to 'local' on Windows" in walk.stdout
    assert not (tmp_path / "jobs").exists()
    left = [path for path in (tmp_path / "journals").rglob("*") if path.name.endswith(".log")]
    assert not left, left


def test_the_studio_without_what_windows_lacks(tmp_path: Path) -> None:
    ended = run_script(STUDIO, tmp_path)

    assert ended.returncode == 0, ended.stderr


def test_without_what_macos_lacks(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SUBMITTED, encoding="utf-8")

    ended = run_script(SUBMITS, tmp_path, path=TESTS / "helpers" / "mac_stand_in")

    assert ended.returncode == 0, ended.stderr


def test_a_whole_life_on_a_server_without_what_windows_lacks(
    server_uri: str, tmp_path: Path
) -> None:
    arguments = (str(servers.WHOLE_LIFE), "--without-mlflow")
    ended = run_script(WHOLE_LIFE, tmp_path, *arguments, MLFLOW_TRACKING_URI=server_uri)

    assert ended.returncode == 0, ended.stderr


def test_a_whole_life_on_a_server_without_what_macos_lacks(server_uri: str, tmp_path: Path) -> None:
    path = str(TESTS / "helpers" / "mac_stand_in")
    servers.live(server_uri, "--without-mlflow", folder=tmp_path, PYTHONPATH=path)

    listed = subprocess.run(
        [sys.executable, "-m", "amlflow", "run", "list", "-e", "whole-life", "-o", "tsv"],
        cwd=tmp_path,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=server_uri, PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout
