"""What a run says of each state of its Slurm job, and how it is cancelled in this state.

test_slurm.py has held and running jobs, test_slurm_faults.py one that was put back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from azureml.core.runconfig import PyTorchConfiguration
from helpers.flaky_proxy import PASS, start_proxy
from helpers.slurm_faults import ATTEMPTS, Daemons, attempts, check_nothing_is_left, pids, values
from helpers.slurm_jobs import job_of, slurm_says, submit
from helpers.submitted_jobs import error_of, new_experiment, until, wait_for_end


def details_of(run: Any) -> str:
    return str(run.get_detailed_status()["details"])


def check_is_cancelled(run: Any) -> None:
    """The run is Canceled, and its job has left the queue without having run."""
    run.cancel()
    assert run.get_status() == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED")
    assert run.get_metrics() == {}


@contextlib.contextmanager
def busy_nodes() -> Iterator[None]:
    """All nodes have a job of somebody else."""
    words = "--parsable", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 600"
    job_id = slurm_says("sbatch", *words).strip()
    state = "squeue", "--noheader", f"--jobs={job_id}", "-O", "State"
    until(lambda: slurm_says(*state).strip() == "RUNNING")
    try:
        yield
    finally:
        slurm_says("scancel", job_id)


def test_jobs_that_wait_for_nodes(on_slurm: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    with busy_nodes():
        first, second, third = (
            submit(on_slurm, ATTEMPTS.format(note=str(note), last=1)) for _ in range(3)
        )
        until(lambda: details_of(first) == "waiting: Resources")
        until(lambda: details_of(second) == "waiting: Priority, 1 job before it")
        until(lambda: details_of(third) == "waiting: Priority, 2 jobs before it")
        assert [run.get_status() for run in (first, second, third)] == ["Queued"] * 3
        check_is_cancelled(first)
        check_is_cancelled(second)
    assert wait_for_end(third) == "Completed"
    assert third.get_metrics()["value"] == values(1)
    check_nothing_is_left(third, note)


def test_a_job_whose_node_is_made_ready(on_slurm: Any, own_slurm: Daemons) -> None:
    own_slurm.hold.touch()
    try:
        run = submit(on_slurm, "print(1)")
        until(lambda: run.get_status() == "Preparing")
        assert job_of(run)[1] == "CONFIGURING"
        check_is_cancelled(run)
    finally:
        own_slurm.hold.unlink()


@pytest.mark.long
def test_a_job_whose_processes_are_being_ended(on_slurm: Any, tmp_path: Path) -> None:
    """Somebody ends the job, and the user cancels the run before its processes have ended."""
    note = tmp_path / "attempts"
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + ATTEMPTS
    run = submit(on_slurm, code.format(note=str(note), last=2))
    until(lambda: attempts(note) == 1)
    until(lambda: run.get_status() == "Running")
    slurm_says("scancel", job_of(run)[0])
    until(lambda: job_of(run)[1] == "COMPLETING")
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED")
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
def test_a_job_that_is_suspended(on_slurm: Any, tmp_path: Path) -> None:
    """Its agent can hear nothing, so Slurm ends it."""
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=2))
    until(lambda: attempts(note) == 1)
    until(lambda: run.get_status() == "Running")
    slurm_says("scontrol", "suspend", job_of(run)[0])
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED")
    assert run.get_metrics()["value"] == values(1)
    until(lambda: not psutil.pid_exists(pids(note)[0]))  # Slurm kills the agent, too


@pytest.mark.long
def test_the_longest_time_counts_from_the_scripts_start(on_slurm: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    code = ATTEMPTS.format(note=str(note), last=2)
    run = submit(on_slurm, code, "held", max_run_duration_seconds=4)
    begin = time.monotonic()
    until(lambda: time.monotonic() - begin > 4)
    assert run.get_status() == "Queued"
    slurm_says("scontrol", "release", job_of(run)[0])
    assert wait_for_end(run) == "Canceled"
    assert "The run took longer than max_run_duration_seconds=4." in error_of(run)
    assert run.get_metrics()["value"] == values(1)
    times = run.get_details()
    start, end = (
        datetime.fromisoformat(times[name][:-1]) for name in ("startTimeUtc", "endTimeUtc")
    )
    seconds = (end - start).total_seconds()
    assert 4 <= seconds < 30
    check_nothing_is_left(run, note)


def test_a_run_is_finalizing_while_its_files_are_sent(
    on_slurm: Any, server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = threading.Event()

    def hold_outputs(path: str, content: Any) -> Any:
        if "outputs" in path:
            sent.wait(60)
        return PASS

    with start_proxy(server_uri) as (proxy, uri):
        proxy.rule = hold_outputs
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        run = submit(new_experiment(), "open('outputs/x.txt', 'w').write('x')")
        until(lambda: run.get_status() == "Finalizing")
        assert job_of(run)[1] == "RUNNING"
        sent.set()
        assert wait_for_end(run) == "Completed"
        assert "outputs/x.txt" in run.get_file_names()


GREEDY = """
import os, signal, subprocess, sys, time
from azureml.core import Run

if os.environ.get("RANK") == "0":
    time.sleep(600)
Run.get_context().log("value", 1)
Run.get_context().flush()
if {where!r} == "child":
    taken = "x = bytearray(400 << 20)"
    sys.exit(-subprocess.run([sys.executable, "-c", taken]).returncode)
if {where!r} == "agent":  # Slurm itself may end the whole job, the agent first
    subprocess.run([sys.executable, "-c", "x = bytearray(400 << 20)"])
    os.kill(os.getppid(), signal.SIGKILL)
x = bytearray(400 << 20)
"""


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("script", "The script was ended by the signal SIGKILL. Meanwhile the kernel killed a"),
        ("child", "The script ended with exit code 9. Meanwhile the kernel killed a process here"),
        ("agent", "Its Slurm job used more memory than it had asked for. (job "),
        ("process of two", "Process 1 of 2 was ended by the signal SIGKILL, so the others were "),
    ],
)
def test_a_job_that_uses_too_much_memory(
    on_slurm: Any, tmp_path: Path, where: str, reason: str
) -> None:
    two = PyTorchConfiguration(node_count=2) if where == "process of two" else None
    run = submit(on_slurm, GREEDY.format(where=where), target="tight", distributed_job_config=two)
    assert wait_for_end(run) == "Failed"
    assert reason in error_of(run)
    assert "memory" in error_of(run)
    # Slurm does not say it of a job if it was in one of its steps.
    state = "OUT_OF_MEMORY" if two is None else "FAILED"
    until(lambda: job_of(run)[1] == state, what=str(job_of(run)))
    assert run.get_metrics() == {"value": 1}
