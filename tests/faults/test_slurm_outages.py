"""Slurm's controller, the tracker, a disk or an agent goes away while a job waits or runs.

Each test compares the run's status with Slurm's, the values that were logged with those that are
stored, and looks for processes that are left.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from amlflow.spec import Unavailable, tried_once
from azureml.core import Run, ScriptRunConfig
from helpers.flaky_proxy import CUT_AFTER, CUT_BEFORE, PASS, Proxy, always_pass, start_proxy
from helpers.slurm_faults import (
    ATTEMPTS,
    GATED,
    Daemons,
    agents_of,
    attempts,
    check_no_process_is_left,
    check_nothing_is_left,
    pids,
    values,
)
from helpers.slurm_jobs import job_of, slurm_says, start_again, submit
from helpers.submitted_jobs import (
    SOON,
    error_of,
    log_of,
    new_experiment,
    script,
    until,
    wait_for_end,
)

pytestmark = pytest.mark.long


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "note"


@pytest.fixture
def proxy(server_uri: str, on_slurm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy between the tracker and all who use it."""
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield proxy


def test_a_tracker_that_is_away_while_the_script_runs_and_ends(
    proxy: Proxy, note: Path, gate: Path
) -> None:
    run = submit(new_experiment(), GATED.format(note=str(note), gate=str(gate)))
    until(note.exists)
    process, job_id = psutil.Process(int(note.read_text().split()[1])), job_of(run)[0]
    proxy.rule = proxy.down
    gate.touch()
    until(lambda: not process.is_running())
    assert "RUNNING" in state_of(job_id), "the agent waits for the tracker"
    proxy.rule = always_pass
    assert wait_for_end(run) == "Completed"
    assert run.get_metrics()["value"] == list(range(40))
    assert "the end" in log_of(run)
    assert "outputs/end.txt" in run.get_file_names()
    until(lambda: job_of(run)[1] == "COMPLETED")
    check_nothing_is_left(run, note)


def test_a_tracker_that_is_away_until_the_job_has_ended(
    proxy: Proxy, note: Path, gate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values stay on the node, and the agent's output says how to send them."""
    output = tmp_path / "agent.out"
    declared = Path(".azureml/compute.yaml")
    declared.write_text(declared.read_text().replace("main\n", f"main\n  output: {output}\n", 1))
    run = submit(new_experiment(), GATED.format(note=str(note), gate=str(gate)))
    until(note.exists)
    job_id = job_of(run)[0]
    proxy.rule = proxy.down
    gate.touch()
    until(lambda: not psutil.pid_exists(int(note.read_text().split()[1])))
    slurm_says("scancel", job_id)
    until(lambda: "CANCELLED" in state_of(job_id))
    text = output.read_text()
    assert "could not be sent. They are on the node" in text
    proxy.rule = always_pass
    assert wait_for_end(run) == "Canceled"
    assert f"scancel does. (job {job_id} of the cluster)" in error_of(run)
    journal = text.partition("AMLFLOW_JOURNAL_FOLDER=")[2].split()[0]
    monkeypatch.setenv("AMLFLOW_JOURNAL_FOLDER", journal)
    subprocess.run([sys.executable, "-m", "amlflow", "sync", "-o", "none"], check=True)
    assert run.get_metrics()["value"] == list(range(40))


def test_values_that_a_killed_attempt_has_left_on_its_node(
    proxy: Proxy, note: Path, gate: Path
) -> None:
    """The next attempt sends them, if it runs on the same node."""
    run = submit(new_experiment(), GATED.format(note=str(note), gate=str(gate)))
    until(note.exists)
    until(lambda: run.get_status() == "Running")
    job_id = job_of(run)[0]
    proxy.rule = proxy.down
    gate.touch()
    until(lambda: not psutil.pid_exists(pids(note)[0]))
    slurm_says("scancel", "--signal=KILL", "--batch", job_id)
    until(lambda: "FAILED" in state_of(job_id))
    proxy.rule = always_pass
    assert wait_for_end(run) == "Failed"
    assert "If values that the script logged last are missing, look on n" in error_of(run)
    assert len(run.get_metrics().get("value", [])) < 40
    slurm_says("scontrol", "requeue", job_id)
    start_again(run)
    until(lambda: job_of(run)[1] == "COMPLETED", 2 * SOON)
    again = Run(run.experiment, run.id)  # an object that has seen an end does not ask again
    assert again.get_status() == "Completed"
    assert sorted(again.get_metrics()["value"]) == sorted([*range(40), *range(40)])


def test_a_cancel_while_the_tracker_is_away(proxy: Proxy, note: Path) -> None:
    """The script ends at once, and the run is Canceled when the tracker is back."""
    run = submit(new_experiment(), ATTEMPTS.format(note=str(note), last=2))
    until(lambda: run.get_status() == "Running" and attempts(note) == 1)
    job_id = job_of(run)[0]
    proxy.rule = proxy.down
    with tried_once(), pytest.raises(Unavailable):
        run.cancel()
    until(lambda: not psutil.pid_exists(pids(note)[0]))
    assert "RUNNING" in state_of(job_id), "the agent waits for the tracker"
    proxy.rule = always_pass
    assert wait_for_end(run) == "Canceled"
    assert run.get_metrics()["value"] == values(1)
    until(lambda: job_of(run)[1] == "COMPLETED")
    check_nothing_is_left(run, note)


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_tracker_that_is_away_when_the_job_starts(
    proxy: Proxy, note: Path, gate: Path, is_ended: bool
) -> None:
    """The agent waits for it, and Slurm may end the agent before it is back."""
    gate.touch()
    run = submit(new_experiment(), GATED.format(note=str(note), gate=str(gate)), "held")
    job_id = job_of(run)[0]
    refused = []
    proxy.rule = lambda path, content: refused.append(path) or proxy.down(path, content)
    slurm_says("scontrol", "release", job_id)
    until(lambda: len(refused) > 2, what="the agent tries again")
    assert "RUNNING" in state_of(job_id)
    if is_ended:
        slurm_says("scancel", job_id)
        until(lambda: "CANCELLED" in state_of(job_id))
    proxy.rule = always_pass
    assert wait_for_end(run) == ("Canceled" if is_ended else "Completed")
    assert run.get_metrics() == ({} if is_ended else {"value": list(range(40))})
    assert note.exists() is not is_ended
    until(lambda: job_of(run)[1] == ("CANCELLED" if is_ended else "COMPLETED"))


def state_of(job_id: str) -> str:
    return slurm_says("squeue", "--noheader", "--states=all", f"--jobs={job_id}", "-O", "State")


def test_a_full_disk_on_the_node(
    on_slurm: Any, tmpfs: Path, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_JOBS", str(tmpfs))  # the job has it, too
    code = f"""
        import os
        from azureml.core import Run

        run = Run.get_context()
        open({str(note)!r}, "w").write(f"1 {{os.getpid()}}")
        for value in range(20):
            run.log("value", value)
        run.flush()
        with open("outputs/big", "wb", buffering=0) as file:
            for _ in range(2000):
                file.write(b"x" * 4096)
        """
    run = submit(on_slurm, code)
    assert wait_for_end(run) == "Failed"
    # The script's own message may not fit on the disk.
    assert f"The disk of its working folder, '{tmpfs}" in error_of(run)
    assert run.get_metrics()["value"] == list(range(20))
    until(lambda: job_of(run)[1] == "FAILED")
    until(lambda: list(tmpfs.iterdir()) == [], what="the job's folder is removed")
    check_nothing_is_left(run, note)


def test_a_node_without_room_for_the_job(
    on_slurm: Any, tmpfs: Path, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_JOBS", str(tmpfs))  # the job has it, too
    run = submit(on_slurm, f"open({str(note)!r}, 'w')", "held")
    with (tmpfs / "big").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    slurm_says("scontrol", "release", job_of(run)[0])
    assert wait_for_end(run) == "Failed"
    assert "could not make a folder for the job: [Errno 28] No space left" in error_of(run)
    assert not note.exists()
    until(lambda: job_of(run)[1] == "FAILED")
    assert [path.name for path in tmpfs.iterdir()] == ["big"]


class Killer:
    """Kills the agent at a call to the tracker: before, during or after the claim of its run."""

    def __init__(self, moment: str) -> None:
        self.moment, self.has_claimed, self.is_over = moment, False, False

    def __call__(self, path: str, content: Any) -> Any:
        if self.is_over:
            return PASS
        is_claim = "mlflow.agent'" in str(content)  # the first letter is escaped
        if not is_claim and not self.has_claimed:
            return PASS
        if is_claim and self.moment == "after":
            self.has_claimed = True
            return PASS
        self.is_over = True
        for process in agents_of(os.environ["SLURM_CONF"]):
            process.kill()
        return CUT_AFTER if self.moment == "during" else CUT_BEFORE


MOMENTS = ["before", "during", "after"]


@pytest.fixture
def killed(proxy: Proxy, note: Path, request: pytest.FixtureRequest) -> Any:
    """A run whose agent was killed around its claim. Slurm has not started it again yet."""
    killer = Killer(request.param)
    proxy.rule = killer
    run = submit(new_experiment(), ATTEMPTS.format(note=str(note), last=2))
    until(lambda: killer.is_over)
    until(lambda: job_of(run)[1] == "FAILED")
    return run


@pytest.mark.parametrize("killed", MOMENTS, indirect=True)
def test_an_agent_that_is_killed_around_its_claim(killed: Any, note: Path) -> None:
    """If somebody puts the job back into the queue after all, its next attempt is the run's."""
    assert wait_for_end(killed) == "Failed"
    assert "agent ended with exit code 9 without reporting" in error_of(killed)
    assert killed.get_metrics() == {}
    assert not note.exists()
    slurm_says("scontrol", "requeue", job_of(killed)[0])
    start_again(killed)
    until(lambda: attempts(note) == 1, 2 * SOON)
    check_attempt_2(killed, note)


@pytest.mark.parametrize("killed", MOMENTS, indirect=True)
def test_an_agent_that_is_killed_before_its_job_is_put_back(killed: Any, note: Path) -> None:
    slurm_says("scontrol", "requeue", job_of(killed)[0])
    until(lambda: "(attempt 2)" in str(killed.get_detailed_status()["details"]))
    # Slurm lets the job wait for some seconds. A node refuses a job that starts again at once.
    check_attempt_2(killed, note)


def check_attempt_2(ended: Any, note: Path) -> None:
    run = Run(ended.experiment, ended.id)  # an object that has seen an end does not ask again
    until(lambda: run.get_status() == "Completed", 2 * SOON)
    until(lambda: job_of(run)[1] == "COMPLETED")
    assert run.get_metrics()["value"] == [200 + value for value in range(20)]
    assert "error" not in run.get_details()
    assert "attempt 2" in log_of(run)
    check_no_process_is_left(note)  # the killed agent has left its folder


@contextlib.contextmanager
def away(daemons: Daemons, name: str) -> Iterator[None]:
    """Kill a daemon, and start it again at the end."""
    daemons.kill(name)
    try:
        yield
    finally:
        daemons.start(name)
        daemons.wait_for_controller()


def test_a_controller_that_is_away_for_half_a_minute(
    on_slurm: Any, own_slurm: Daemons, note: Path, gate: Path
) -> None:
    """No status changes while nothing is known, and each job ends as it should afterwards."""
    run = submit(on_slurm, GATED.format(note=str(note), gate=str(gate)))
    waiting, other = (submit(on_slurm, "print(1)", "held") for _ in range(2))
    until(note.exists)
    until(lambda: run.get_status() == "Running")
    until(lambda: "JobHeldUser" in str(other.get_detailed_status()["details"]))
    with away(own_slurm, "slurmctld"):
        begin = time.monotonic()
        while time.monotonic() - begin < 30:
            assert [run.get_status(), other.get_status()] == ["Running", "Queued"]
            time.sleep(0.2)
        script("print('once')")
        config = ScriptRunConfig("src", "script.py", compute_target="gpu-cluster")
        with pytest.raises(Unavailable, match="does not answer"):
            on_slurm.submit(config)
        assert len(list(on_slurm.get_runs())) == 3
        waiting.cancel()
        assert waiting.get_status() == "Canceled"
    # The job that could not be taken out of the queue leaves it now.
    until(lambda: waiting.get_status() == "Canceled" and job_of(waiting)[1] == "CANCELLED")
    assert job_of(other)[1] == "PENDING"
    gate.touch()
    assert wait_for_end(run) == "Completed"
    assert run.get_metrics()["value"] == list(range(40))
    until(lambda: job_of(run)[1] == "COMPLETED")
    other.cancel()
    until(lambda: job_of(other)[1] == "CANCELLED")
    again = on_slurm.submit(config)
    assert wait_for_end(again) == "Completed"
    assert log_of(again).count("once") == 1
    check_nothing_is_left(run, note)
