"""Attacks on other users through the contents of a run, as these users see them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.outside import end_jobs, until

HERE = platform.node()


def look(workspace: Any, run: Any) -> None:
    """See a run as a user does; an error of amlflow's own is no harm."""
    from azureml.exceptions import AzureMLException

    for call in ("get_status", "get_details", "get_metrics", "cancel"):
        try:
            getattr(workspace.get_run(run.id), call)()
        except AzureMLException as error:
            print(call, error)


def plant_job(submit: Callable[..., Any], jobs: Path, planted: Path) -> Path:
    """A copy of a real job elsewhere, as if its script had ended; its agent writes the file."""
    submit("import time; time.sleep(600)")
    folder = until(lambda: [path.parent for path in jobs.glob("*/work")], "the job's start")[0]
    end_jobs(jobs)
    shutil.copytree(folder, planted)
    job = json.loads((planted / "job.json").read_text())
    job["environ"]["PYTHONPATH"] = os.pathsep.join([str(planted), *filter(None, sys.path)])
    (planted / "job.json").write_text(json.dumps(job))
    marker = planted.with_name("code-has-run")
    (planted / "sitecustomize.py").write_text(f"open({str(marker)!r}, 'w')")
    outcome = {"status": "Completed", "error": None, "ended": "2020-01-01T00:00:00+00:00"}
    (planted / "outcome.json").write_text(json.dumps(outcome))
    os.utime(planted / "outcome.json", (0, 0))
    shutil.rmtree(folder)
    return marker


def commands_with(path: Path) -> list[list[str]]:
    """The processes that name a path."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [words for words in lines if any(str(path) in word for word in words)]


def test_no_note_of_a_run_has_a_process_started(
    studio: Any, workspace: Any, experiment: Any, submit: Any, tmp_path: Path
) -> None:
    planted = tmp_path / "planted"
    marker = plant_job(submit, tmp_path / "state" / "jobs", planted)
    relative = os.path.relpath(planted, tmp_path / "state" / "jobs")
    on_server = os.path.relpath(planted, studio.folder / "jobs")
    for name in (str(planted), relative, on_server):
        for read in ("page", "sdk"):
            run = experiment.start_logging(snapshot_directory=None)
            run.flush()
            note = json.dumps({"name": name, "host": HERE})
            studio.database.tag(run, system__launched="yes", system__job=note)
            studio.database.claim(run)
            if read == "page":
                studio("GET", "runs/get", params={"run_id": run.id})
                studio("GET", "runs/logs", params={"run_id": run.id})
            else:
                look(workspace, run)
            assert not commands_with(planted), (name, read)
            assert not marker.exists(), (name, read)


def test_no_note_of_a_run_has_a_folder_removed(
    workspace: Any, experiment: Any, database: Any, tmp_path: Path
) -> None:
    jobs, other = tmp_path / "state" / "jobs", tmp_path / "other"
    works = [jobs / ("a" * 32) / "work" / "weights", other / "weights"]
    for path in works:
        path.parent.mkdir(parents=True, mode=0o700)
        path.touch()
    for name in ("", ".", "..", "../..", str(other), "../../other", "a" * 32, "./" + "a" * 32):
        run = experiment.start_logging(snapshot_directory=None)
        run.flush()
        note = json.dumps({"name": name, "host": HERE})
        database.tag(run, system__launched="yes", system__job=note)
        look(workspace, run)
        assert all(path.exists() for path in works), name


WRONG_TAGS = [
    ("started", "abc"), ("started", "9" * 30), ("created", "abc"), ("system.job", "[]"),
    ("system.job", "{"), ("system.heartbeat", "yesterday"), ("system.warnings", "7"),
    ("system.definition", "[1]"), ("system.error", "null"), ("status", "Dancing"),
    ("type", ""), ("root", "../.."),
]  # fmt: skip


def test_a_note_that_is_wrong_breaks_no_read(studio: Any, workspace: Any, experiment: Any) -> None:
    healthy = experiment.start_logging(snapshot_directory=None)
    healthy.complete()
    for key, text in WRONG_TAGS:
        run = experiment.start_logging(snapshot_directory=None)
        run.flush()
        notes = {"system__launched": "yes"} if key.startswith("system") else {}
        studio.database.tag(run, **notes, **{key.replace(".", "__"): text})
        look(workspace, run)
        assert healthy.id in {each.id for each in experiment.get_runs()}
    answer = studio("POST", "runs/search", json={"experiments": [experiment.name]})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["rows"]) == len(WRONG_TAGS) + 1


def test_a_request_or_view_that_is_wrong_is_refused(studio: Any) -> None:
    view = '{"name": "v", "definition": {"a": NaN}}'
    answer = studio("POST", "views/create", data=view, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    json.loads(studio("GET", "views").text, parse_constant=pytest.fail)
    for request in ({"cursor": 12}, {"query": "x" * 200_000}, {"query": 5}, {"sort": []}):
        assert studio("POST", "runs/search", json=request).status_code in (400, 413), request


def test_links_that_lead_out_of_a_jobs_folder_are_not_followed(submit: Any, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("secret")
    secrets = str(tmp_path / "secrets")
    run = submit(
        f"""
import os
os.symlink({secrets!r} + "/password", "outputs/file")
os.symlink({secrets!r}, "outputs/folder")
os.symlink({secrets!r} + "/password", "logs/file")
os.symlink("file", "outputs/link")
open("outputs/own", "w").write("own")
"""
    )
    run.wait_for_completion(raise_on_error=False)
    names = run.get_file_names()
    assert "outputs/own" in names
    assert not [name for name in names if "password" in name or name.endswith(("/file", "/link"))]


@pytest.mark.docker
def test_links_out_of_a_container_are_not_followed(
    request: pytest.FixtureRequest,
    submit: Any,
    work: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A script in a container cannot reach these files, but its agent can."""
    with contextlib.suppress(pytest.FixtureLookupError):  # an older version lacks the fixture
        request.getfixturevalue("docker_host")
    (work / ".azureml").mkdir()
    (work / ".azureml" / "compute.yaml").write_text(
        "box: {kind: docker, image: 'amlflow-tests/python:1', amlflow: false}"
    )
    secrets = str(tmp_path_factory.mktemp("secrets"))
    Path(secrets, "password").write_text("secret")
    run = submit(
        f"""
import os
assert not os.path.exists({secrets!r})
os.symlink({secrets!r} + "/password", "outputs/file")
os.symlink({secrets!r}, "outputs/folder")
os.symlink({secrets!r} + "/password", "logs/file")
os.symlink("/..{secrets}", "outputs/other")
open("outputs/own", "w").write("own")
""",
        compute_target="box",
    )
    details = run.wait_for_completion(raise_on_error=False)
    assert details["status"] == "Completed", details.get("error")
    names = [name for name in run.get_file_names() if name.startswith(("outputs", "logs"))]
    assert names == ["outputs/own"]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.read_bytes() == b"secret"]


def test_a_snapshot_is_unpacked_up_to_a_limit(
    experiment: Any, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azureml.exceptions import AzureMLException

    (work / "src").mkdir()
    (work / "src" / "a.py").touch()
    run = experiment.start_logging(snapshot_directory="src")
    run.flush()
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "1")
    [stored] = [path for path in tmp_path.rglob("*.zip") if path.is_file()]
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(30 << 20))
    with contextlib.suppress(AzureMLException):
        run.restore_snapshot(path="restored")
    unpacked = [path for path in work.rglob("zeros") if path.is_file()]
    assert sum(path.stat().st_size for path in unpacked) < 10 << 20


@pytest.mark.parametrize("name", ["runs.db", "data.bin", "a b/results"])
def test_no_snapshot_has_the_trackers_own_database(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from azureml.core import Experiment, Workspace

    path = work / name
    path.parent.mkdir(exist_ok=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    (work / "train.py").touch()
    experiment = Experiment(Workspace("sub", "group", "workspace"), "own")
    for number in range(2):
        run = experiment.start_logging(snapshot_directory=".")
        run.complete()
        restored = tmp_path / f"restored{number}"
        unpacked = Path(run.restore_snapshot(path=str(restored)))
        files = [each for each in restored.rglob("*") if each.is_file()]
        if unpacked.suffix == ".zip":
            names = zipfile.ZipFile(unpacked).namelist()
        else:
            names = [each.name for each in files]
        assert "train.py" in names
        assert not [each for each in names if Path(each).name.startswith(path.name)]


OTHER = """
import sys
from azureml.core import Experiment, Run, Workspace

run = Run(Experiment(Workspace("sub", "group", "workspace"), "own"), sys.argv[1])
run.log("m", 1)
run.complete()
"""
OWN_STORE = f"""
import os, signal, subprocess, sys
from azureml.core import Experiment, Workspace

experiment = Experiment(Workspace("sub", "group", "workspace"), "own")
first, second = [experiment.start_logging(snapshot_directory=".") for _ in range(2)]
second.flush(timeout_seconds=120)
# The last process that closes a database removes its WAL.
subprocess.run([sys.executable, "-c", {OTHER!r}, first.id], check=True)
third = experiment.start_logging(snapshot_directory=".")
third.tag("k", "v")
third.flush(timeout_seconds=120)
print(first.id, second.id, third.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_packing_leaves_the_locks_of_the_trackers_database(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening and closing a SQLite database drops the locks that the whole process has on it."""
    from azureml.core import Experiment, Workspace

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"trackio://{work}/tr")
    (work / "train.py").touch()
    killed = subprocess.run(
        [sys.executable, "-c", OWN_STORE], capture_output=True, text=True, check=False
    )
    ids = killed.stdout.split()
    assert len(ids) == 3, killed.stderr
    experiment = Experiment(Workspace("sub", "group", "workspace"), "own")
    runs = {run.id: run for run in experiment.get_runs()}
    assert runs.keys() == set(ids)
    assert runs[ids[0]].get_metrics() == {"m": 1}
    assert runs[ids[2]].get_tags() == {"k": "v"}
