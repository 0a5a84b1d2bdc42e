"""Agents that die, are two, or lose the tracker."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.claims import AGENT
from amlflow.jobs.run_notes import HEARTBEAT
from amlflow.spec import RunChange, Status
from azureml.core import Run
from helpers.flaky_proxy import always_pass, start_proxy
from helpers.submitted_jobs import (
    agents,
    environment,
    error_of,
    find_agent,
    kill_agent,
    log_of,
    new_experiment,
    scripts,
    submit,
    until,
    wait_for_end,
)
from helpers.tools import need_mounts

WAITS = """
        import pathlib, subprocess, time
        print("begun")
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        pathlib.Path("logs/ready").touch()
        time.sleep(600)
"""


def ready(run: Any) -> None:
    until(lambda: "logs/ready" in run.get_file_names())


def sync() -> None:
    subprocess.run([sys.executable, "-m", "amlflow", "sync"], env=environment(), check=True)


@pytest.mark.parametrize("command", ["wait", "cancel", "sync"])
def test_a_killed_agent_is_found_on_its_machine(experiment: Any, jobs: Path, command: str) -> None:
    run = submit(
        experiment,
        """
        import os
        open("outputs/result", "w").write("kept")
        os.symlink("/etc/passwd", "outputs/passwd")
        """
        + WAITS,
    )
    ready(run)
    kill_agent(jobs)
    for _ in range(2):  # a look only says so
        assert run.get_status() == "NotResponding"
        assert len(scripts(jobs)) == 2
    assert [*jobs.iterdir()]
    if command == "wait":
        run.wait_for_completion(raise_on_error=False)
    elif command == "cancel":
        run.cancel()
    else:
        sync()
    assert run.get_status() == ("Canceled" if command == "cancel" else "Failed")
    if command != "cancel":
        assert "agent of the run was killed" in error_of(run)
    assert not scripts(jobs), "the script goes on without its agent"
    assert log_of(run) == "begun\n"
    assert "outputs/result" in run.get_file_names()
    assert "outputs/passwd" not in run.get_file_names()
    [warning] = run.get_details()["warnings"]
    assert "'outputs/passwd' was not stored" in warning
    assert not list(jobs.iterdir())


def test_a_killed_agent_is_found_from_another_machine(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_HEARTBEAT_SECONDS", "0.5")
    run = submit(experiment, WAITS)
    ready(run)
    first = run._reload().system[HEARTBEAT]
    until(lambda: run._reload().system[HEARTBEAT] > first, what="a heartbeat")
    kill_agent(jobs)
    monkeypatch.setenv("AMLFLOW_JOBS", str(jobs.parent / "elsewhere"))
    seen = []
    until(lambda: seen.append(run.get_status()) or seen[-1] == "Failed", what="Failed")
    assert list(dict.fromkeys(seen)) == ["Running", "NotResponding", "Failed"]
    assert "has not responded since" in error_of(run)


def test_an_agent_that_was_only_out_of_reach_comes_back(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, WAITS)
    ready(run)
    run._tracker.update_run(run.id, RunChange(status=Status.NOT_RESPONDING))
    until(lambda: run.get_status() == "Running")
    run.cancel()
    assert wait_for_end(run) == "Canceled"


def test_an_agent_that_was_given_up_ends_its_script(experiment: Any, jobs: Path) -> None:
    from amlflow.jobs.run_notes import fail_as_lost

    run = submit(experiment, WAITS)
    ready(run)
    run._tracker.update_run(run.id, fail_as_lost("given up").change())
    until(lambda: not scripts(jobs) and not agents(jobs), what="the script's end")
    assert Run(run.experiment, run.id).get_status() == "Failed"
    assert error_of(run) == "given up"


def test_an_agent_that_is_told_to_end_says_so(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, WAITS)
    ready(run)
    agent = find_agent(jobs)
    agent.send_signal(signal.SIGTERM)
    assert wait_for_end(run) == "Failed"
    assert "SIGTERM" in error_of(run)
    assert not scripts(jobs)


def test_of_two_agents_one_wins(experiment: Any, jobs: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = f"import time; open({str(count)!r}, 'a').write('x'); time.sleep(600)"
    run = submit(experiment, code)
    until(count.exists)
    [folder] = jobs.iterdir()
    # The same job once more: beside the first, and as it would be on another machine.
    command = [sys.executable, "-m", "amlflow.jobs.agent"]
    subprocess.run([*command, str(folder)], check=True, env=environment())
    other = tmp_path / "other" / "jobs" / folder.name
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("alive"))
    subprocess.run([*command, str(other)], check=True, env=environment())
    until(lambda: not other.exists(), what="the second agent's giving up")
    until(lambda: len(agents(jobs)) == 1)
    assert count.read_text() == "x"
    assert run.get_status() == "Running"
    run.cancel()
    assert wait_for_end(run) == "Canceled"


def test_of_many_claims_one_is_kept(experiment: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from amlflow.core.runs.base import reload_record
    from amlflow.plugins import open_keeper
    from amlflow.spec import PropertyConflict

    run = experiment.start_logging(snapshot_directory=None)

    def claim(name: str) -> bool:
        keeper = open_keeper(run._tracker.uri)
        try:
            keeper.update_run(run.id, RunChange(properties={AGENT: name}))
        except PropertyConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, [f"agent{number}" for number in range(8)]))
    assert won.count(True) == 1
    assert reload_record(run).properties[AGENT] == f"agent{won.index(True)}"
    assert run.get_properties() == {}


@pytest.mark.parametrize("agent_ends", [False, True])
def test_a_tracker_that_goes_away(
    folder: Path,
    jobs: Path,
    server_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    agent_ends: bool,
) -> None:
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        run = submit(
            new_experiment(),
            """
            import pathlib, time
            print("before")
            pathlib.Path("logs/ready").touch()
            while not pathlib.Path("logs/away").exists():
                time.sleep(0.05)
            print("while it was away")
            pathlib.Path("outputs/result.txt").write_text("kept")
            pathlib.Path("logs/done").touch()
            """,
        )
        ready(run)
        proxy.rule = proxy.down
        [work] = jobs.glob("*/work")
        (work / "logs" / "away").touch()
        until((work / "logs" / "done").exists)
        until(lambda: not scripts(jobs), what="the script's end")
        if agent_ends:  # its machine shuts down, say: another one tells how the script ended
            agent = find_agent(jobs)
            until((work.parent / "outcome.json").exists)
            agent.send_signal(signal.SIGTERM)
            until(lambda: not agents(jobs), what="the agent's end")
        proxy.rule = always_pass
        if agent_ends:
            assert run.get_status() == "NotResponding"
        assert run.wait_for_completion()["status"] == "Completed"
        assert log_of(run) == "before\nwhile it was away\n"
        assert "outputs/result.txt" in run.get_file_names()
        until(lambda: not list(jobs.iterdir()))


def test_a_snapshot_that_does_not_unpack(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch_broken(folder: Any, lock: int) -> None:
        folder.snapshot.write_bytes(b"no zip")
        launch(folder, lock)

    from amlflow.jobs.launch import launch

    monkeypatch.setattr("amlflow.jobs.queue.launch", launch_broken)
    run = submit(experiment, "pass")
    assert wait_for_end(run) == "Failed"
    assert "is not a valid zip archive" in error_of(run)


@pytest.fixture
def small_disk(jobs: Path):
    """The jobs' folder on a disk of its own of 4 MB."""
    need_mounts()
    jobs.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(jobs)]
    subprocess.run(command, check=True)
    yield jobs
    until(lambda: not agents(jobs))
    subprocess.run(["umount", str(jobs)], check=True)


def test_a_script_that_fills_the_disk(experiment: Any, small_disk: Path) -> None:
    run = submit(
        experiment,
        """
        from pathlib import Path
        Path("outputs/first.txt").write_text("kept")
        print("writing", flush=True)
        Path("outputs/big").write_bytes(bytes(8 << 20))
        """,
    )
    assert wait_for_end(run) == "Failed"
    assert "exit code 1" in error_of(run)
    assert "is full" in error_of(run)
    assert log_of(run).startswith("writing\n")
    assert "outputs/first.txt" in run.get_file_names()
    until(lambda: not list(small_disk.iterdir()))


def test_a_disk_too_small_for_the_source(experiment: Any, small_disk: Path) -> None:
    Path("src").mkdir()
    Path("src/zeros").write_bytes(bytes(8 << 20))
    run = submit(experiment, "pass")
    assert wait_for_end(run) == "Failed"
    assert "could not be unpacked" in error_of(run)
    assert "No space left" in error_of(run)
    until(lambda: not list(small_disk.iterdir()))


LOGS_AND_DIES = """
    import os, sys
    from azureml.core import Run
    run = Run.get_context()
    child = run.child_run("within")
    for number in range(2000):
        run.log("m", number)
    child.log("m", 7)
    os.kill(os.getpid(), 9)
"""


def test_what_a_script_had_logged_when_it_was_killed(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, LOGS_AND_DIES)
    assert wait_for_end(run) == "Failed"
    assert run.get_metrics() == {"m": list(range(2000))}
    [child] = run.get_children()
    assert (child.get_metrics(), child.status) == ({"m": 7}, "Failed")
    until(lambda: not list(jobs.iterdir()))
