"""Faults of a real Slurm of three nodes: daemons, agents and nodes that go away.

Each test compares the run's status with Slurm's, the values that were logged with those that are
stored, and looks for processes that are left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from azureml.core import ScriptRunConfig
from helpers import slurm_daemons
from helpers.slurm_jobs import TARGETS, job_of, left_by, slurm_says, submit
from helpers.submitted_jobs import (
    SOON,
    error_of,
    log_of,
    new_experiment,
    script,
    until,
    wait_for_end,
)

MORE_TARGETS = """
short:
  kind: slurm
  partition: main
  time: 1
"""
ATTEMPTS = """
import os, time
from azureml.core import Run

attempt = int(os.environ["AMLFLOW_ATTEMPT"])
run = Run.get_context()
for value in range(20):
    run.log("value", 100 * attempt + value)
run.flush()
open({note!r}, "a").write(f"{{attempt}} {{os.getpid()}}\\n")
print("attempt", attempt, flush=True)
time.sleep(600 if attempt < {last} else 0)
"""


class Daemons:
    """The daemons of a Slurm, which can be ended and started again."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder, self._environ = folder, environ
        self._started: list[subprocess.Popen[bytes]] = []

    def kill(self, name: str) -> None:
        process = psutil.Process(int((self._folder / "run" / f"{name}.pid").read_text()))
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

    def start(self, name: str) -> None:
        command = slurm_daemons.commands(self._folder)[name]
        with (self._folder / "again.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)
            )

    def wait_for_controller(self) -> None:
        """Wait until the controller answers, and knows its nodes again."""
        sinfo = ["sinfo", "--noheader", "--partition=main", "--states=idle,mixed", "--format=%D"]

        def nodes() -> int:
            done = subprocess.run(sinfo, capture_output=True, text=True, check=False)
            return sum(map(int, done.stdout.split()))

        until(lambda: nodes() == len(slurm_daemons.NODES))

    def end_all(self) -> None:
        for process in self._started:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def own_slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemons]:
    """A Slurm of this module's own, whose daemons the tests end."""
    folder = tmp_path_factory.mktemp("slurm")
    for parent in list(folder.parents)[:3]:  # munged has another user
        if parent.parent != parent and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    conf, process = slurm_daemons.start(folder)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = conf
    daemons = Daemons(folder, dict(os.environ))
    yield daemons
    daemons.end_all()
    process.terminate()
    process.wait()
    os.environ.pop("SLURM_CONF")
    if before is not None:
        os.environ["SLURM_CONF"] = before


@pytest.fixture
def experiment(
    folder: Path,
    jobs: Path,
    server_uri: str,
    own_slurm: Daemons,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(TARGETS + MORE_TARGETS)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("amlflow_slurm.kept.MIN_AGE_S", 0.5)
    jobs.mkdir(parents=True)
    return new_experiment()


def pids(note: Path) -> list[int]:
    return [int(line.split()[1]) for line in note.read_text().splitlines()]


def attempts(note: Path) -> int:
    return len(note.read_text().splitlines()) if note.exists() else 0


def values(count: int) -> list[int]:
    return [100 * attempt + value for attempt in range(1, count + 1) for value in range(20)]


def check_nothing_is_left(run: Any, note: Path) -> None:
    assert not any(psutil.pid_exists(pid) for pid in pids(note))
    assert left_by(run) == []


def start_again(run: Any) -> None:
    """Have Slurm start a job again now that it lets wait for a while."""
    job_id = job_of(run)[0]
    until(lambda: job_of(run)[1] in ("PENDING", "RUNNING"))
    with contextlib.suppress(subprocess.CalledProcessError):  # it runs already
        slurm_says("scontrol", "update", f"JobId={job_id}", "StartTime=now")


def test_a_job_that_is_preempted_twice(experiment: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(experiment, ATTEMPTS.format(note=str(note), last=3))
    for attempt in (1, 2):
        until(lambda: attempts(note) == attempt, 4 * SOON)  # noqa: B023
        urgent = slurm_says(
            "sbatch", "--parsable", "--partition=high", "--nodes=3", "--exclusive",
            "--output=/dev/null", "--wrap=sleep 600",
        ).strip()  # fmt: skip
        until(lambda: run.get_status() == "Queued")
        until(lambda: job_of(run)[1] == "PENDING", what=str(job_of(run)))
        slurm_says("scancel", urgent)
        start_again(run)
    assert wait_for_end(run, 4 * SOON) == "Completed", error_of(run)
    assert run.get_metrics()["value"] == values(3)
    assert "attempt 3" in log_of(run)
    logs = [name for name in run.get_file_names() if name.startswith("user_logs")]
    assert logs == [
        "user_logs/std_log.txt",
        "user_logs/std_log_attempt_1.txt",
        "user_logs/std_log_attempt_2.txt",
    ]
    check_nothing_is_left(run, note)


def test_a_job_that_was_put_back_is_cancelled(experiment: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(experiment, ATTEMPTS.format(note=str(note), last=9))
    until(lambda: attempts(note) == 1)
    slurm_says("scontrol", "requeue", job_of(run)[0])
    until(lambda: run.get_status() == "Queued")
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED", what="the job leaves the queue")
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
def test_a_controller_that_is_away_during_submit(experiment: Any, own_slurm: Daemons) -> None:
    own_slurm.kill("slurmctld")
    timer = threading.Timer(15, lambda: own_slurm.start("slurmctld"))
    timer.start()
    script("print('once')")
    config = ScriptRunConfig("src", "script.py", compute_target="gpu-cluster")
    try:
        with pytest.raises(Exception, match=r"does not answer|is not available"):
            experiment.submit(config)
        assert list(experiment.get_runs()) == []
    finally:
        timer.join()
    own_slurm.wait_for_controller()
    run = experiment.submit(config)
    assert wait_for_end(run) == "Completed"
    assert log_of(run).count("once") == 1


@pytest.mark.long
def test_a_script_whose_time_is_over(experiment: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(experiment, ATTEMPTS.format(note=str(note), last=2), target="short")
    assert wait_for_end(run, 240) == "Canceled"
    assert "Its time limit in Slurm was over." in error_of(run)
    assert job_of(run)[1] in ("TIMEOUT", "COMPLETED", "COMPLETING")
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
@pytest.mark.parametrize("is_put_back", [True, False])
def test_a_node_that_dies(
    experiment: Any, own_slurm: Daemons, tmp_path: Path, is_put_back: bool
) -> None:
    note = tmp_path / "attempts"
    run = submit(experiment, ATTEMPTS.format(note=str(note), last=2))
    until(lambda: attempts(note) == 1)
    job_id, _ = job_of(run)
    if not is_put_back:
        slurm_says("scontrol", "update", f"JobId={job_id}", "Requeue=0")
    node = slurm_says("squeue", "--noheader", f"--jobs={job_id}", "-O", "NodeList").strip()
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if f"slurmstepd: [{job_id}." in words or "amlflow.jobs.agent" in words:
            process.send_signal(signal.SIGKILL)
    own_slurm.kill(node)
    try:
        if is_put_back:
            until(lambda: attempts(note) == 2 or run.get_status() == "Queued", 120)
            start_again(run)
            assert wait_for_end(run, 240) == "Completed"
            assert run.get_metrics()["value"] == values(2)
        else:
            assert wait_for_end(run, 120) == "Failed"
            assert "A node of its Slurm job failed." in error_of(run)
            assert run.get_metrics()["value"] == values(1)
    finally:
        own_slurm.start(node)
    for pid in pids(note):
        with contextlib.suppress(ProcessLookupError):  # nobody is left on the node to end it
            os.kill(pid, signal.SIGKILL)
    until(
        lambda: slurm_says("sinfo", "-h", "-p", "main", "--states=idle", "-o", "%D").strip() == "3"
    )
