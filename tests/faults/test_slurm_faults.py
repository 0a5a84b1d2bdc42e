"""Faults of a real Slurm of three nodes: daemons, agents and nodes that go away.

Each test compares the run's status with Slurm's, the values that were logged with those that are
stored, and looks for processes that are left.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from azureml.core import Run, ScriptRunConfig
from helpers.slurm_faults import (
    ATTEMPTS,
    BEGIN,
    Daemons,
    attempts,
    check_nothing_is_left,
    end_left,
    node_of,
    node_processes_of,
    pids,
    values,
)
from helpers.slurm_jobs import job_of, slurm_says, start_again, submit
from helpers.submitted_jobs import (
    SOON,
    error_of,
    log_of,
    script,
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
    until(lambda: job_of(run)[1] == "COMPLETED")
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
    node = node_of(run)
    for process in node_processes_of(job_id):
        process.kill()
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
    until(lambda: job_of(run)[1] == ("COMPLETED" if is_put_back else "NODE_FAIL"))
    until(
        lambda: slurm_says("sinfo", "-h", "-p", "main", "--states=idle", "-o", "%D").strip() == "3"
    )


FROZEN = (
    BEGIN
    + """while attempt == 1 and not os.path.exists({gate!r}):
    time.sleep(0.01)
for value in range(20, 40):
    run.log("value", 100 * attempt + value)
run.tag("by", str(attempt))
pathlib.Path(f"outputs/of_{{attempt}}.txt").write_text("end")
print("the end of attempt", attempt, flush=True)
"""
)
"""A script whose first attempt logs again, and ends, when the gate opens."""


@pytest.mark.long
def test_an_attempt_that_comes_back_to_life(
    on_slurm: Any, own_slurm: Daemons, tmp_path: Path
) -> None:
    """A node stops as a whole, Slurm starts the job elsewhere, and the node goes on afterwards."""
    note, gate = tmp_path / "note", tmp_path / "gate"
    run = submit(on_slurm, FROZEN.format(note=str(note), gate=str(gate)))
    until(lambda: attempts(note) == 1)
    [script_of_1] = pids(note)
    node, job_id = node_of(run), job_of(run)[0]
    frozen = [own_slurm.process(node), *node_processes_of(job_id), psutil.Process(script_of_1)]
    for process in frozen:
        process.suspend()
    try:
        until(lambda: run.get_status() == "Queued", 120)
        start_again(run)
        assert wait_for_end(run, 240) == "Completed", error_of(run)
        before = state_of(run)
        assert before["metrics"]["value"] == [*values(1), *range(200, 240)]
        gate.touch()
    finally:
        for process in frozen:
            process.resume()
    until(lambda: not any(process.is_running() for process in frozen[1:]), 4 * SOON)
    assert state_of(run) == before
    assert "of_1" not in str(before["files"])
    check_nothing_is_left(run, note)
    own_slurm.wait_for_controller()


def state_of(run: Any) -> dict[str, Any]:
    """Return all that an attempt can write to a run."""
    again = Run(run.experiment, run.id)
    return {
        "status": again.get_status(),
        "metrics": again.get_metrics(),
        "tags": again.get_tags(),
        "files": sorted(again.get_file_names()),
        "log": log_of(again),
        "details": again.get_details()["endTimeUtc"],
    }


@pytest.mark.long
def test_an_array_with_three_failures(on_slurm: Any, tmp_path: Path) -> None:
    """Some of its elements run, and the rest is canceled. Each needs a second of a processor."""
    note = tmp_path / "note"
    failing = (7, 23, 41)
    code = f"""
        import os, sys
        from azureml.core import Run

        number = int(sys.argv[1])
        Run.get_context().log("number", number)
        open({str(note)!r}, "a").write(f"{{number}} {{os.getpid()}}\\n")
        print("element", number)
        if number in {failing}:
            raise ValueError(f"not {{number}}")
        """
    script(code)
    configs = [
        ScriptRunConfig("src", "script.py", arguments=[number], compute_target="held")
        for number in range(80)
    ]
    runs = on_slurm.submit(configs)
    ran, rest = runs[:45], runs[45:]
    queue = "squeue", "--noheader", "--array", "--states=all"
    lines = slurm_says(*queue, "-O", "ArrayJobID:20,State:20").split("\n")
    array = next(line.split()[0] for line in lines if "PENDING" in line)
    assert sum(line.split() == [array, "PENDING"] for line in lines) == 80
    # Slurm forgets the ends of elements after some minutes.
    states = *queue, f"--jobs={array}", "-O", "State"
    slurm_says("scontrol", "release", f"{array}_[0-44]")
    ends = [wait_for_end(run, 8 * SOON) for run in ran]
    assert [number for number, end in enumerate(ends) if end == "Failed"] == list(failing)
    assert ends.count("Completed") == 42
    until(lambda: slurm_says(*states).split().count("FAILED") == len(failing), what="Slurm")
    for number in failing:
        assert f"ValueError: not {number}" in error_of(ran[number])
    for number, run in enumerate(ran):
        assert run.get_metrics() == {"number": number}
        assert log_of(run).startswith(f"element {number}\n")
    assert sorted(int(line.split()[0]) for line in note.read_text().splitlines()) == [*range(45)]
    assert slurm_says(*states).split().count("PENDING") == 35
    for run in rest:
        run.cancel()
    assert {run.get_status() for run in rest} == {"Canceled"}
    assert not {"PENDING", "RUNNING"} & set(slurm_says(*states).split())
    statuses = Counter(run.status for run in on_slurm.get_runs())
    assert statuses == {"Completed": 42, "Failed": 3, "Canceled": 35}
    assert not any(psutil.pid_exists(pid) for pid in pids(note))
