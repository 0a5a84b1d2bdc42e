"""Helpers for tests that end the daemons of a Slurm, and agents and nodes of its jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from helpers import slurm_daemons
from helpers.slurm_jobs import check_no_folder_is_left, job_of, slurm_says
from helpers.submitted_jobs import until

MORE_TARGETS = """
short:
  kind: slurm
  partition: main
  time: 1
tight:
  kind: slurm
  partition: main
  memory: 200
"""
BEGIN = """
import os, pathlib, time
from azureml.core import Run

attempt = int(os.environ["AMLFLOW_ATTEMPT"])
run = Run.get_context()
for value in range(20):
    run.log("value", 100 * attempt + value)
run.flush()
open({note!r}, "a").write(f"{{attempt}} {{os.getpid()}}\\n")
"""
"""The begin of a script that logs, and notes that it runs."""
ATTEMPTS = (
    BEGIN
    + """print("attempt", attempt, flush=True)
time.sleep(600 if attempt < {last} else 0)
"""
)
"""A script that logs, notes that it runs, and sleeps if this is not the last of its attempts."""

GATED = """
import os, pathlib, time
from azureml.core import Run

run = Run.get_context()
for value in range(20):
    run.log("value", value)
pathlib.Path({note!r}).write_text(f"1 {{os.getpid()}}\\n")
deadline = time.monotonic() + 300
while not os.path.exists({gate!r}) and time.monotonic() < deadline:
    time.sleep(0.05)
for value in range(20, 40):
    run.log("value", value)
pathlib.Path("outputs/end.txt").write_text("end")
print("the end", flush=True)
"""
"""A script that logs, notes that it runs, waits for a file, and logs again."""


class Daemons:
    """The daemons of a Slurm, which can be ended and started again."""

    def __init__(self, folder: Path, conf: str) -> None:
        self.conf = conf
        self.hold = folder / "hold"
        """If there is this file, jobs are CONFIGURING until it is removed."""
        self._folder, self._environ = folder, {**os.environ, "SLURM_CONF": conf}
        self._started: list[subprocess.Popen[bytes]] = []

    def kill(self, name: str, *, is_saved: bool = True) -> None:
        """Kill a daemon. The controller is killed when it has saved its state after now."""
        if name == "slurmctld" and is_saved:
            saved, now = self._folder / "ctl" / "job_state", time.time()
            until(lambda: saved.exists() and saved.stat().st_mtime > now, what="the state is saved")
        process = self.process(name)
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

    def process(self, name: str) -> psutil.Process:
        """Return the process of a daemon, by the number that it has written to its file."""
        return psutil.Process(int((self._folder / "run" / f"{name}.pid").read_text()))

    def start(self, name: str) -> None:
        """Start a daemon again. What it says is in ``again.log``."""
        command = slurm_daemons.commands(self._folder)[name]
        with (self._folder / "again.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)
            )

    def wait_for_controller(self) -> None:
        """Wait until the controller answers, and knows its nodes again."""
        sinfo = ["sinfo", "--noheader", "--partition=main", "--states=idle,mixed", "--format=%D"]

        def nodes() -> int:
            environ = self._environ
            done = subprocess.run(sinfo, env=environ, capture_output=True, text=True, check=False)
            return sum(map(int, done.stdout.split()))

        until(lambda: nodes() == len(slurm_daemons.NODES))

    def end_all(self) -> None:
        """End the daemons that were started again, and what jobs have left."""
        for process in self._started:
            process.terminate()
            process.wait()
        for left in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                environ = left.environ()
                if environ.get("SLURM_CONF") == self.conf and "SLURM_JOB_ID" in environ:
                    left.kill()


@contextlib.contextmanager
def own_daemons(folder: Path, *, has_accounts: bool = False) -> Iterator[Daemons]:
    """A Slurm in a folder, whose daemons a test can end."""
    conf, process = slurm_daemons.start(folder, has_limits=True, has_accounts=has_accounts)
    daemons = Daemons(folder, conf)
    try:
        yield daemons
    finally:
        daemons.end_all()
        process.terminate()
        process.wait()


def agents_of(conf: str) -> Iterator[psutil.Process]:
    """Yield the agents of a Slurm's jobs. Other tests on this machine have agents, too."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_agent = "amlflow.jobs.agent" in process.cmdline()
            environ = process.environ() if is_agent else {}
            if environ.get("SLURM_CONF") == conf and "SLURM_JOB_ID" in environ:
                yield process


def node_processes_of(job_id: str) -> list[psutil.Process]:
    """Return Slurm's process for a job on its node, and the agent that it has started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"slurmstepd: [{job_id}." in " ".join(process.cmdline()):
                found.append(process)
    # Slurm's first: it would report the agent's end.
    agents = agents_of(os.environ["SLURM_CONF"])
    return [*found, *(agent for agent in agents if agent.environ()["SLURM_JOB_ID"] == job_id)]


def node_of(run: Any) -> str:
    """Return the node on which a run's job is."""
    words = "--noheader", f"--jobs={job_of(run)[0]}", "-O", "NodeList"
    return slurm_says("squeue", *words).strip()


def pids(note: Path) -> list[int]:
    """Return the processes that a script of this file has written to its note, one an attempt."""
    return [int(line.split()[1]) for line in note.read_text().splitlines()]


def end_left(left: list[int]) -> None:
    """Kill a script's processes, whose agent has been killed and does not end them."""
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def attempts(note: Path) -> int:
    """Return how many attempts have written to the note."""
    return len(note.read_text().splitlines()) if note.exists() else 0


def values(count: int) -> list[int]:
    """Return all values that ``count`` attempts of :data:`ATTEMPTS` log."""
    return [100 * attempt + value for attempt in range(1, count + 1) for value in range(20)]


def check_nothing_is_left(run: Any, note: Path) -> None:
    """Check that no process of the script is left, and no folder of the run's job."""
    check_no_process_is_left(note)
    check_no_folder_is_left(run)


def check_no_process_is_left(note: Path) -> None:
    """Check that no process of the script is left."""
    assert not any(psutil.pid_exists(pid) for pid in pids(note))
