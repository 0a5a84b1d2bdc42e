"""Helpers for tests of submitted runs."""

from __future__ import annotations

import contextlib
import os
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from amlflow.spec import JOB

SOON = 60
"""How many seconds something may take on a busy machine that usually takes one or two."""


def new_experiment() -> Any:
    """Return an experiment whose name no other test has."""
    from azureml.core import Experiment, Workspace

    workspace = Workspace("sub", "group", "workspace")
    return Experiment(workspace, f"e{uuid.uuid4().hex[:12]}")


def script(code: str, name: str = "script.py", folder: str = "src") -> None:
    """Write a script into a source folder."""
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(code))


def submit(experiment: Any, code: str, tags: Any = None, **config: Any) -> Any:
    """Submit the code as a script, and return the run."""
    from azureml.core import ScriptRunConfig

    script(code)
    config = {"source_directory": "src", "script": "script.py", **config}
    return experiment.submit(ScriptRunConfig(**config), tags=tags)


def until(holds: Callable[[], Any], seconds: float = SOON, what: str = "") -> Any:
    """Wait until ``holds()`` returns a true value, and return the value."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or holds}"
        time.sleep(0.05)


def find_children(parent: int, word: str) -> list[psutil.Process]:
    """Return the children of a process with this word in their command."""
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            found += [child] if word in child.cmdline() else []
    return found


def wait_for_end(run: Any, seconds: float = SOON) -> str:
    """Wait until the run has ended, and return its status."""
    until(lambda: run.get_status() in ("Completed", "Failed", "Canceled"), seconds, "the end")
    return str(run.status)


def log_of(run: Any) -> str:
    """Return the run's log from the tracker."""
    return str(run.get_details_with_logs()["logFiles"].get("user_logs/std_log.txt", ""))


def error_of(run: Any) -> str:
    """Return the message of a run's error."""
    return str(run.get_details()["error"]["error"]["message"])


def of_jobs(base: Path) -> list[psutil.Process]:
    """Return the living processes of a folder's jobs, including agents."""
    found = []
    for process in psutil.process_iter(["status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            environ = process.environ()
            if environ.get("AMLFLOW_JOBS") == str(base) and JOB in environ:
                found.append(process)
    return found


def agents(base: Path) -> list[psutil.Process]:
    """Return the agents of the jobs in a folder."""
    return [process for process in of_jobs(base) if is_agent(process) is True]


def scripts(base: Path) -> list[psutil.Process]:
    """Return the processes of a folder's jobs that are not agents."""
    return [process for process in of_jobs(base) if is_agent(process) is False]


def is_agent(process: psutil.Process) -> bool | None:
    """Return whether a process is an agent; None if it has ended or is about to end."""
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        return "amlflow.jobs.agent" in words if words else None
    return None


def end_all(base: Path) -> None:
    """Kill each process of the jobs in a folder, and those that they start meanwhile."""
    for _ in range(50):
        left = of_jobs(base)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, 2)


def alive(pid: int) -> bool:
    """Whether a process still holds its files and locks."""
    try:
        process = psutil.Process(pid)
        # A killed process keeps its open files and its locks until its last thread has ended.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def find_agent(base: Path) -> psutil.Process:
    """Return the only agent. An agent that starts forks, and for a moment neither is in a list."""
    until(lambda: agents(base), what="an agent")
    [agent] = agents(base)
    return agent


def kill_agent(base: Path) -> None:
    """Kill the only agent, and wait until it has released its locks."""
    agent = find_agent(base)
    agent.kill()
    until(lambda: not alive(agent.pid), what="the agent's end")


def environment(**more: str) -> dict[str, str]:
    """Return an environment for a process that should use the same tracker and jobs as this one."""
    return {**os.environ, **more}
