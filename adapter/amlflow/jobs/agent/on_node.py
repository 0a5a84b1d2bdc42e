"""Runs one process of a distributed job on its node.

The first process of a node makes the folder with the snapshot, the script's environment and its
data, for all processes of the node. When they have ended, it sends their logs, files and records to
the tracker. Each process reports its end to the agent on the job's first node (spreading.py). That
agent also tells the processes when to end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from amlflow import whole_files
from amlflow.exceptions import AzureMLException, ComputeTargetException
from amlflow.jobs import launcher
from amlflow.jobs.agent.descendants import adopt_orphans, kill_descendants, terminate_descendants
from amlflow.jobs.agent.last_lines import read_last_lines
from amlflow.jobs.agent.passed_signals import PassedSignals
from amlflow.jobs.cluster.node_messages import ENDED, STARTED, TERM, NodeMessage, send
from amlflow.jobs.cluster.payload import attempt_of, take_job
from amlflow.jobs.distribution import (
    Distribution,
    Process,
    process_ports,
    rank_by_node,
    variables_of,
)
from amlflow.jobs.job import FOLDER_SETTING, NODE_PREFIX, Job, JobFolder
from amlflow.spec import JOB, PROCESS, count_oom_kills

ADDRESSES = "AMLFLOW_NODE_ADDRESSES"
PORT = "AMLFLOW_NODE_PORT"
"""Variables of a process: the addresses of the nodes, and a free port of the first node."""
TICK_S = 0.1
GRACE_S = 2.5
"""Seconds between asking the script's processes to end and ending them by force."""
MAX_OUTPUT = 4000
"""How many characters of the end of a failed process's output are sent."""


def run_process() -> None:
    """Run the process whose number is in this environment, and report how it ended."""
    os.umask(0o077)
    job = take_job(os.environ)
    distribution = job.distribution
    if distribution is None:
        raise ComputeTargetException(
            "The job has only one process. Its agent starts that, so --process is not needed."
        )
    processes = rank_by_node(distribution)
    process = processes[int(os.environ.pop(PROCESS))]
    signals = PassedSignals()
    requests = Requests(signals)
    node = NodeFolder(job, process)
    try:
        with node.prepare(requests) as is_ready:
            if is_ready and not requests.end.is_set():
                plan = node.read_plan()
                own = _variables(distribution, processes, process)
                environment = {**job.environment, **plan["environment"], **own, JOB: job.name}
                log = str(node.folder.process_log(process.number))
                plan["processes"] = {process.number: {"environment": environment, "log": log}}
                _run(plan, node.folder, process, requests.end, signals)
    except (AzureMLException, OSError) as failure:
        message = getattr(failure, "message", None) or str(failure)
        send(NodeMessage(number=process.number, event=ENDED, code=1, error=message))


class Requests:
    """The requests to this process.

    ``end`` is set when the agent asks for the end or a signal comes. ``leave`` is set by a signal
    only: the cluster ends this process soon.
    """

    def __init__(self, signals: PassedSignals) -> None:
        self.end, self.leave = threading.Event(), threading.Event()
        self._signals = signals
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with os.fdopen(0, "rb", closefd=False) as lines:
            for line in lines:
                if line != TERM.encode():
                    break
                self._signals.pass_on(signal.SIGTERM)
        self.end.set()  # the agent asks for the end, or has ended

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.leave.set()
        self.end.set()


def _variables(
    distribution: Distribution, processes: Sequence[Process], process: Process
) -> dict[str, str]:
    addresses = os.environ.pop(ADDRESSES).split(",")
    ports = process_ports(int(os.environ.pop(PORT)), len(processes))
    return variables_of(distribution, processes, process, addresses, ports)


def _run(
    plan: dict[str, Any],
    folder: JobFolder,
    process: Process,
    end: threading.Event,
    signals: PassedSignals,
) -> None:
    adopt_orphans()
    oom_kills = count_oom_kills()
    started = launcher.start(plan, process.number)
    send(NodeMessage(number=process.number, event=STARTED))
    with signals.to(started.send_signal):
        while started.poll() is None and not end.wait(TICK_S):
            pass
    code = started.poll()
    if code is None:
        _end(started)
        return  # the process was ended on request, so its exit code is not reported
    kill_descendants()
    message = NodeMessage(number=process.number, event=ENDED, code=code)
    if code:
        output = read_last_lines(folder.process_log(process.number))[-MAX_OUTPUT:]
        is_out_of_memory = count_oom_kills() > oom_kills
        message = replace(message, output=output, is_out_of_memory=is_out_of_memory)
    send(message)


def _end(started: subprocess.Popen[bytes]) -> None:
    terminate_descendants()
    try:
        started.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    kill_descendants()


class NodeFolder:
    """The job's folder on this node, which the processes there share."""

    def __init__(self, job: Job, process: Process) -> None:
        self._job, self._process = job, process
        base = Path(os.environ.get(FOLDER_SETTING) or tempfile.gettempdir())
        name = f"{NODE_PREFIX}{job.name}-{attempt_of(os.environ)}-{process.node}"
        self._base = base / name
        self.folder = JobFolder(job.name, self._base)
        self._plan = self.folder.processes / "plan.json"
        self._failed = self.folder.processes / "failed"

    def read_plan(self) -> dict[str, Any]:
        """Read the plan: what the processes of this node run."""
        plan: dict[str, Any] = json.loads(self._plan.read_bytes())
        return plan

    @contextlib.contextmanager
    def prepare(self, requests: Requests) -> Iterator[bool]:
        """Prepare the folder. Yields whether the script can run.

        The first process of the node makes the folder, and at the end sends its files. The others
        wait for it.
        """
        if self._process.local:
            try:
                yield self._wait_for_plan(requests.end)
            finally:
                with contextlib.suppress(OSError):
                    self._over(self._process.local).touch()
            return
        # Only the first process of a node uses the tracker, so only it imports it.
        from amlflow.jobs.agent.node_upkeep import Upkeep

        self._base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._base.mkdir(mode=0o700)
        try:
            self.folder.make()
            self.folder.processes.mkdir(mode=0o700)
            node = self._process.node
            upkeep = Upkeep(self._job, self.folder, attempt_of(os.environ), node)
            try:
                with upkeep.prepare(requests.end.is_set, requests.leave.is_set) as work:
                    plan = {
                        "command": list(work.command),
                        "is_script": work.is_script,
                        "python": work.python,
                        "folder": str(work.folder),
                        "environment": dict(work.environment),
                        "failure": str(self.folder.failure),
                    }
                    whole_files.write_text(self._plan, json.dumps(plan), whole_files.OWN)
                    yield True
                    self._wait_for_others()
            except BaseException:
                with contextlib.suppress(OSError):
                    self._failed.touch()
                raise
        finally:
            shutil.rmtree(self._base, ignore_errors=True)

    def _over(self, local: int) -> Path:
        return self.folder.processes / f"{local}.over"

    def _wait_for_plan(self, end: threading.Event) -> bool:
        """Wait for the plan. Returns False if the node's first process could not make it."""
        while not end.wait(TICK_S):
            if self._plan.exists():
                # Another user could have made a folder of this name.
                status = os.lstat(self._base)
                if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
                    raise OSError(f"The folder {self._base} belongs to another user.")
                return True
            if self._failed.exists():
                return False
        return False

    def _wait_for_others(self) -> None:
        for local in range(1, self._process.beside):
            while not self._over(local).exists():
                time.sleep(TICK_S)
