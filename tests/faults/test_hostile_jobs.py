"""Runs whose notes somebody has edited, to have a job started or removed that is not theirs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from amlflow.claims import AGENT
from amlflow.jobs.finding import find_job, proof_of
from amlflow.jobs.job import Job, JobFolder, Target, new_name, this_host
from amlflow.jobs.run_notes import HEARTBEAT, HEARTBEAT_INTERVAL
from amlflow.plugins import open_tracker
from amlflow.spec import LAUNCHED, RunChange, RunDraft, Status
from azureml.core import Experiment, Run, Workspace
from azureml.exceptions import UserErrorException
from helpers import servers
from helpers.submitted_jobs import environment, script, submit
from helpers.tools import lack

OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)


def tree(folder: Path) -> dict[str, Any]:
    """What is in a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def agents(base: Path) -> list[int]:
    """The agents of jobs below a folder, which was theirs at their start."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "amlflow.jobs.agent" in words and str(base) in words[-1]:
                found.append(process.pid)
    return found


def make_job(base: Path, uri: str, run_id: str, name: str | None = None) -> JobFolder:
    """A job whose script has ended, which its agent could not tell."""
    folder = JobFolder(name or new_name(), base)
    folder.make()
    folder.work.mkdir()
    (folder.work / "outputs").mkdir()
    (folder.work / "outputs" / "work").write_text("of weeks")
    folder.write(
        Job(
            name=folder.name,
            run_id=run_id,
            tracking_uri=uri,
            target=Target(name="local", kind="local"),
            command=["script.py"],
            is_script=True,
            environ=dict(os.environ),
            environment={},
            agent_python=sys.executable,
        )
    )
    folder.put(folder.outcome, {"status": "Completed", "error": None, "ended": OLD.isoformat()})
    os.utime(folder.outcome, (0, 0))
    return folder


def make_run(experiment: Any, note: Any, *, claimed: bool) -> Any:
    """A run that says it was submitted, with a note of its job."""
    text = note if isinstance(note, str) else json.dumps(note)
    draft = RunDraft(
        experiment_id=experiment.id,
        created=datetime.now(timezone.utc),
        status=Status.RUNNING,
        properties={AGENT: "x"} if claimed else {},
        system={
            LAUNCHED: "yes",
            "job": text,
            HEARTBEAT: OLD.isoformat(),
            HEARTBEAT_INTERVAL: "0.01",
        },
    )
    [record] = experiment._tracker.create_runs([draft])
    return Run(experiment, record.id)


def wrong_notes(folder: JobFolder, other: Path) -> dict[str, Any]:
    here = this_host()
    return {
        "no name": {"name": "", "host": here},
        "above": {"name": "..", "host": here},
        "far above": {"name": "../..", "host": here},
        "absolute": {"name": str(other), "host": here, "proof": proof_of(folder)},
        "relative": {"name": f"../{other.name}", "host": here, "proof": proof_of(folder)},
        "no proof": {"name": folder.name, "host": here},
        "null": {"name": folder.name, "host": here, "proof": None},
        "wrong proof": {"name": folder.name, "host": here, "proof": "0" * 64},
        "another run's": {"name": folder.name, "host": here, "proof": proof_of(folder)},
        "upper case": {"name": folder.name.upper(), "host": here, "proof": proof_of(folder)},
        "a newline": {"name": f"{folder.name}\n", "host": here, "proof": proof_of(folder)},
        "a list": [folder.name, here],
        "not JSON": "{",
    }


@pytest.mark.parametrize("claimed", [True, False])
def test_no_note_reaches_a_job_that_is_not_its_own(
    experiment: Any, jobs: Path, tmp_path: Path, claimed: bool
) -> None:
    uri = experiment._tracker.uri
    own = make_run(experiment, {}, claimed=True)
    folder = make_job(jobs, uri, own.id)
    planted = tmp_path / "planted"
    shutil.copytree(folder.path, planted)
    before = tree(tmp_path / "state")
    for what, note in wrong_notes(folder, planted).items():
        for act in ("look", "cancel", "wait"):
            run = make_run(experiment, note, claimed=claimed)
            run.get_details_with_logs()
            run.get_metrics()
            if act == "cancel":
                with contextlib.suppress(UserErrorException):  # a look may have ended it
                    run.cancel()
            elif act == "wait":
                run.wait_for_completion(raise_on_error=False)
            assert tree(tmp_path / "state") == before, f"{act} of a run with {what}"
            assert not agents(tmp_path), f"{act} of a run with {what}"
    assert tree(planted)


def test_a_job_is_found_by_all_that_proves_it(experiment: Any, jobs: Path) -> None:
    uri = experiment._tracker.uri
    run = make_run(experiment, {}, claimed=True)
    folder = make_job(jobs, uri, run.id)
    note = {"name": folder.name, "host": this_host(), "proof": proof_of(folder)}
    run._tracker.update_run(run.id, RunChange(system={"job": json.dumps(note)}))
    record = run._tracker.get_run(run.id)
    assert find_job(uri, record) is not None
    assert find_job("sqlite:////another/mlflow.db", record) is None
    assert find_job(uri, dataclasses.replace(record, id="another")) is None
    folder.secret.chmod(0o644)
    assert find_job(uri, record) is None, "others can read the secret"
    folder.secret.chmod(0o600)
    assert find_job(uri, record) is not None
    os.rename(folder.secret, jobs / "secret")
    folder.secret.symlink_to(jobs / "secret")
    assert find_job(uri, record) is None, "the secret is a link"
    folder.secret.unlink()
    os.rename(jobs / "secret", folder.secret)
    os.rename(folder.path, jobs / "moved")
    folder.path.symlink_to(jobs / "moved")
    assert find_job(uri, record) is None, "the job's folder is a link"


@pytest.mark.parametrize("fault", ["group", "others", "link", "owner"])
def test_a_jobs_folder_that_others_may_write_to_is_refused_by_name(
    experiment: Any, jobs: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    run = make_run(experiment, {}, claimed=True)
    uri = experiment._tracker.uri
    folder = make_job(jobs, uri, run.id)
    note = {"name": folder.name, "host": this_host(), "proof": proof_of(folder)}
    run._tracker.update_run(run.id, RunChange(system={"job": json.dumps(note)}))
    record = run._tracker.get_run(run.id)
    assert find_job(uri, record) is not None
    if fault == "group":
        jobs.chmod(0o770)
    elif fault == "others":
        jobs.chmod(0o702)
    elif fault == "link":
        os.rename(jobs, jobs.with_name("real"))
        jobs.symlink_to("real")
    else:
        if os.geteuid() != 0:
            lack("root, who may give a folder to another user")
        os.chown(jobs, 12345, -1)
    before = tree(jobs.parent)
    with caplog.at_level(logging.WARNING, "amlflow"):
        assert find_job(uri, record) is None
        assert run.get_status() in ("NotResponding", "Failed")  # the heartbeats tell
    assert caplog.text.count(f"The jobs' folder {str(jobs)!r} is not used") == 1
    with pytest.raises(UserErrorException, match=r"The jobs' folder .* is not used") as refused:
        submit(experiment, "pass")
    assert str(jobs) in refused.value.message
    assert tree(jobs.parent) == before


def test_a_queue_takes_no_name_that_is_not_a_jobs(experiment: Any, jobs: Path) -> None:
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    run = submit(experiment, "pass")
    assert run.wait_for_completion()["status"] == "Completed"
    [queue] = (jobs.parent / "queues").iterdir()
    make_job(jobs.parent, experiment._tracker.uri, run.id, name="planted")
    before = tree(jobs.parent / "planted")
    for name in ("planted", "..", "planted.gone"):
        (queue / f"waiting-{0:020}-{name}").touch()
    assert submit(experiment, "pass").wait_for_completion()["status"] == "Completed"
    assert tree(jobs.parent / "planted") == before
    queue.chmod(0o777)
    with pytest.raises(
        UserErrorException, match=r"queue's folder .* is not used: others may write"
    ):
        submit(experiment, "pass")


# --- The page -----------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path, sqlite_uri: str, jobs: Path) -> Any:
    """The studio on a server with a jobs' folder of its own."""
    place = tmp_path / "server"
    place.mkdir()
    uri, server = servers.start_mlflow(
        sqlite_uri, place, workers=1, options=("--app-name", "amlflow"), AMLFLOW_JOBS=str(jobs)
    )
    yield uri, sqlite_uri, place
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def test_the_page_starts_nothing_and_removes_nothing(
    page: Any, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, backend, place = page
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    experiment = Experiment(Workspace("sub", "group", "workspace"), "attack")
    # Files of a run, below the folder of the server's artifacts.
    run = experiment.start_logging(snapshot_directory=None)
    marker = folder / "code has run"
    job = make_job(folder, uri, run.id)
    script(f"open({str(marker)!r}, 'w')", "sitecustomize.py", str(job.path))
    content = json.loads(job.job.read_text())
    run.upload_folder("job", str(job.path))
    run.flush()
    [planted] = [path.parent for path in (place / "artifacts").rglob("job.json")]
    content["environ"]["PYTHONPATH"] = str(planted)
    (planted / "job.json").write_text(json.dumps(content))
    os.utime(planted / "outcome.json", (0, 0))
    # And a true job of the server's own user, whose agent is gone: even that is left alone.
    tracker = open_tracker(backend)
    true = make_job(jobs, backend, run.id)
    here = this_host()
    notes = [
        {"name": str(planted), "host": here},
        {"name": str(planted), "host": here, "proof": proof_of(true)},
        {"name": os.path.relpath(planted, jobs), "host": here},
        {"name": "", "host": here},
        {"name": "..", "host": here},
        {"name": true.name, "host": here},
        {"name": true.name, "host": here, "proof": proof_of(true)},
    ]
    before = tree(place / "artifacts"), tree(jobs)
    api = f"{uri}/ajax-api/2.0/amlflow/runs"
    for note in notes:
        system = {"job": json.dumps(note), LAUNCHED: "yes"}
        tracker.update_run(run.id, RunChange(system=system, properties={AGENT: "x"}))
        for _ in range(2):
            answer = requests.get(f"{api}/get", {"run_id": run.id}, timeout=60)
            assert answer.status_code == 200
        for path in ("logs", "log?name=user_logs/std_log.txt"):
            requests.get(f"{api}/{path}", {"run_id": run.id}, timeout=60)
        requests.post(f"{api}/search", json={}, timeout=60)
        answer = requests.post(f"{api}/cancel", json={"run_ids": [run.id]}, timeout=60).json()
        assert answer["runs"][0]["error"] is None
        # A true job's agent is nudged, and nothing more.
        (true.path / "end").unlink(missing_ok=True)
        assert (tree(place / "artifacts"), tree(jobs)) == before, note
        assert not agents(place.parent), note
    assert not marker.exists()


def test_the_page_cancels_a_run_that_waits_and_leaves_its_folder(
    page: Any, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, backend, _ = page
    monkeypatch.setenv("MLFLOW_TRACKING_URI", backend)
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    experiment = Experiment(Workspace("sub", "group", "workspace"), "waits")
    first = submit(experiment, "import time; time.sleep(600)")
    second = submit(experiment, "pass")
    assert second.get_status() == "Queued"
    api = f"{uri}/ajax-api/2.0/amlflow/runs"
    answer = requests.post(f"{api}/cancel", json={"run_ids": [second.id]}, timeout=60).json()
    assert answer["runs"] == [
        {"id": second.id, "status": "Canceled", "error": None, "forbidden": False}
    ]
    assert second.get_status() == "Canceled"
    assert len(list(jobs.iterdir())) == 2
    subprocess.run([sys.executable, "-m", "amlflow", "sync"], env=environment(), check=True)
    assert len(list(jobs.iterdir())) == 1
    answer = requests.post(f"{api}/cancel", json={"run_ids": [first.id]}, timeout=60).json()
    assert answer["runs"][0]["error"] is None
    assert first.wait_for_completion()["status"] == "Canceled"
    deadline = time.monotonic() + 60
    while list(jobs.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
