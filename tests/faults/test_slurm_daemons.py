"""Slurm's daemons are killed and come back, while amlflow submits and while jobs run.

Each test compares the run's status with Slurm's, the values that were logged with those that are
stored, and looks for processes that are left.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import psutil
import pytest
from amlflow.spec import Unavailable
from amlflow_slurm import cluster
from azureml.core import ScriptRunConfig
from helpers.slurm_faults import (
    ATTEMPTS,
    GATED,
    Daemons,
    attempts,
    check_nothing_is_left,
    end_left,
    node_of,
    node_processes_of,
    pids,
    values,
)
from helpers.slurm_jobs import job_of, jobs_named, slurm_says, start_again, submit
from helpers.submitted_jobs import error_of, log_of, script, until, wait_for_end


def test_a_nodes_daemon_is_away_when_its_job_ends(
    on_slurm: Any, own_slurm: Daemons, tmp_path: Path
) -> None:
    note, gate = tmp_path / "note", tmp_path / "gate"
    run = submit(on_slurm, GATED.format(note=str(note), gate=str(gate)))
    until(note.exists)
    node = node_of(run)
    own_slurm.kill(node)
    try:
        assert run.get_status() == "Running"
        gate.touch()
        assert wait_for_end(run) == "Completed"
    finally:
        own_slurm.start(node)
        own_slurm.wait_for_controller()
    until(lambda: job_of(run)[1] == "COMPLETED")
    assert run.get_metrics()["value"] == list(range(40))
    check_nothing_is_left(run, note)


@pytest.mark.long
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_controller_that_is_killed_during_submit(
    on_slurm: Any,
    own_slurm: Daemons,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """Before sbatch reaches it, or after it has the job and before it has answered."""
    note = tmp_path / "note"
    real, calls = cluster.run_command, []

    def kill_once(command: Any, *more: Any, **options: Any) -> str:
        is_submit = command[0] == "sbatch" and "--test-only" not in command
        if not is_submit or calls.append(command) or len(calls) > 1:
            return real(command, *more, **options)
        if moment == "after":
            real(command, *more, **options)
        own_slurm.kill("slurmctld", is_saved=moment == "after")
        own_slurm.start("slurmctld")
        raise Unavailable("The answer is lost.")

    monkeypatch.setattr("amlflow_slurm.cluster.run_command", kill_once)
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=1))
    assert wait_for_end(run, 120) == "Completed"
    own_slurm.wait_for_controller()
    assert len(calls) == (1 if moment == "after" else 2)
    until(lambda: [state for _, state in jobs_named(run)] == ["COMPLETED"])
    assert attempts(note) == 1
    assert run.get_metrics()["value"] == values(1)
    check_nothing_is_left(run, note)


@pytest.mark.long
def test_munge_is_away_for_some_seconds(
    on_slurm: Any, own_slurm: Daemons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command waits for munge. A run does not change, and no run is made."""
    note, gate = tmp_path / "note", tmp_path / "gate"
    run = submit(on_slurm, GATED.format(note=str(note), gate=str(gate)))
    until(note.exists)
    until(lambda: run.get_status() == "Running")
    script("print(1)")
    with monkeypatch.context() as short:
        short.setattr("amlflow_slurm.commands.LIMIT_S", 2)
        own_slurm.kill("munged")
        try:
            with pytest.raises(Unavailable, match="did not answer within 2 seconds"):
                on_slurm.submit(ScriptRunConfig("src", "script.py", compute_target="gpu-cluster"))
            with pytest.raises(Unavailable):
                run._open_cluster().look([], now=True)
            assert run.get_status() == "Running"
        finally:
            own_slurm.start("munged")
    own_slurm.wait_for_controller()
    assert len(list(on_slurm.get_runs())) == 1
    gate.touch()  # if a job ends while munge is away, Slurm drains its node
    assert wait_for_end(run) == "Completed"
    until(lambda: job_of(run)[1] == "COMPLETED")
    assert run.get_metrics()["value"] == list(range(40))
    check_nothing_is_left(run, note)


@pytest.mark.long
@pytest.mark.parametrize("is_put_back", [True, False])
def test_amlflows_and_slurms_processes_of_a_job_are_killed(
    on_slurm: Any, tmp_path: Path, is_put_back: bool
) -> None:
    """The node's daemon notices after half a minute that its job is gone."""
    note = tmp_path / "attempts"
    run = submit(on_slurm, ATTEMPTS.format(note=str(note), last=2))
    until(lambda: attempts(note) == 1)
    job_id, _ = job_of(run)
    if not is_put_back:
        slurm_says("scontrol", "update", f"JobId={job_id}", "Requeue=0")
    for process in node_processes_of(job_id):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if is_put_back:
        until(lambda: run.get_status() == "Queued", 120)
        start_again(run)
        assert wait_for_end(run, 120) == "Completed", error_of(run)
        assert "attempt 2" in log_of(run)
    else:
        assert wait_for_end(run, 120) == "Failed"
        assert "A node of its Slurm job failed." in error_of(run)
    until(lambda: job_of(run)[1] == ("COMPLETED" if is_put_back else "NODE_FAIL"))
    assert run.get_metrics()["value"] == values(2 if is_put_back else 1)
    end_left(pids(note))
