"""Faults of a real Slurm of three nodes: daemons, agents and nodes that go away.

Each test compares the run's status with Slurm's, the values that were logged with those that are
stored, and looks for processes that are left.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.slurm_faults import (
    ATTEMPTS,
    Daemons,
    attempts,
    check_nothing_is_left,
    end_left,
    pids,
    start_again,
    values,
)
from helpers.slurm_jobs import job_of, slurm_says, submit
from helpers.submitted_jobs import (
    SOON,
    error_of,
    log_of,
    until,
    wait_for_end,
)


def test_a_job_that_is_preempted_twice(on_slurm: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=3))
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


def test_a_job_that_was_put_back_is_cancelled(on_slurm: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=9))
    until(lambda: attempts(note) == 1)
    slurm_says("scontrol", "requeue", job_of(run)[0])
    until(lambda: run.get_status() == "Queued")
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED", what="the job leaves the queue")
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
def test_a_script_whose_time_is_over(on_slurm: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=2), target="short")
    assert wait_for_end(run, 240) == "Canceled"
    assert "Its time limit in Slurm was over." in error_of(run)
    assert job_of(run)[1] in ("TIMEOUT", "COMPLETED", "COMPLETING")
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
@pytest.mark.parametrize("is_put_back", [True, False])
def test_a_node_that_dies(
    on_slurm: Any, own_slurm: Daemons, tmp_path: Path, is_put_back: bool
) -> None:
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=2))
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
    end_left(pids(note))
    until(
        lambda: slurm_says("sinfo", "-h", "-p", "main", "--states=idle", "-o", "%D").strip() == "3"
    )
