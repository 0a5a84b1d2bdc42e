"""Logging, files, queries and commands without the functions that Windows and macOS lack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from helpers import servers

TESTS = Path(__file__).resolve().parents[1]

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
