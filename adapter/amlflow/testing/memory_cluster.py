"""The reference cluster: a queue in memory, whose jobs are processes of this machine."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import (
    ATTEMPT,
    NUDGE,
    PROCESS,
    ClusterBase,
    ClusterJob,
    ClusterStatus,
    ClusterWork,
    JobState,
    Partition,
    Unavailable,
)
from amlflow.testing import memory_spread

NODES = "AMLFLOW_MEMORY_NODES"
"""The environment variable that tells a job how many nodes it has."""


class MemoryCluster(ClusterBase):
    """A cluster of ``nodes`` nodes. Each job takes as many nodes as it asks for.

    With ``is_away``, it does not answer, like a cluster whose controller is down. With
    ``loses_answers``, it takes works, and its answers are lost.
    """

    def __init__(self, nodes: int = 8) -> None:
        self.nodes, self.is_away, self.loses_answers = nodes, False, False
        self._works: dict[str, ClusterWork] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._canceled: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._lock = threading.RLock()

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        self._answer()
        if work.nodes > self.nodes:
            raise ComputeTargetException(
                f"The work asks for {work.nodes} nodes, and the cluster has {self.nodes}; ask for "
                "fewer."
            )
        if work.image is not None:
            raise ComputeTargetException(
                f"The work asks for the image {work.image!r}, and the cluster's jobs are processes "
                "of this machine; leave the image out."
            )

    def submit(self, works: Sequence[ClusterWork]) -> None:
        with self._lock:
            try:
                self._take(works)
            except Unavailable:
                if any(work.name not in self._works for work in works):
                    raise  # otherwise only the answer was lost

    def _take(self, works: Sequence[ClusterWork]) -> None:
        self._answer()
        for work in works:
            self.check(work, "")
            self._works[work.name] = work
        self._schedule()
        if self.loses_answers:
            raise Unavailable("The answer of the cluster in memory was lost.")

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        with self._lock:
            self._answer()
            self._schedule()
            return {name: self._job(name) for name in names}

    def cancel(self, names: Sequence[str]) -> None:
        with self._lock:
            self._answer()
            for name in names:
                if name not in self._works:
                    continue
                process = self._processes.get(name)
                if process is None or process.poll() is None:
                    self._canceled.add(name)
                if process is not None:
                    _end(process)

    def nudge(self, names: Sequence[str]) -> None:
        with self._lock:
            self._answer()
            for name in names:
                if name in self._processes:
                    self._processes[name].send_signal(signal.Signals[NUDGE])

    def requeue(self, name: str) -> None:
        """End a running job and put it back into the queue, as clusters do for urgent jobs."""
        with self._lock:
            _end(self._processes.pop(name))

    def reopen(self) -> MemoryCluster:
        """Return the same cluster as another process opens it: it has the same jobs."""
        return copy.copy(self)

    def identify(self) -> str:
        return f"memory {id(self._works)}"

    @property
    def is_distributed(self) -> bool:
        return True

    def addresses(self) -> Sequence[str]:
        if NODES not in os.environ:
            raise ComputeTargetException(f"{NODES} is not set: only a job has nodes.")
        return ["127.0.0.1"] * int(os.environ[NODES])

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        return [
            sys.executable, "-I", memory_spread.__file__, PROCESS, str(nodes), str(processes),
        ]  # fmt: skip

    def describe(self) -> ClusterStatus:
        with self._lock:
            self._answer()
            self._schedule()
            in_use = self._nodes_in_use()
            partition = Partition(name="memory", in_use=in_use, idle=self.nodes - in_use)
            return ClusterStatus(
                partitions=[partition],
                running=sum(process.poll() is None for process in self._processes.values()),
                waiting=len(self._waiting()),
                others_running=0,
                others_waiting=0,
            )

    def _nodes_in_use(self) -> int:
        return sum(
            self._works[name].nodes
            for name, process in self._processes.items()
            if process.poll() is None
        )

    def _waiting(self) -> list[str]:
        """Return the waiting jobs in the order in which they were submitted."""
        return [n for n in self._works if n not in self._processes and n not in self._canceled]

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("The cluster in memory does not answer.")

    def _schedule(self) -> None:
        free = self.nodes - self._nodes_in_use()
        for name in self._waiting():
            work = self._works[name]
            if work.nodes > free:
                return  # later jobs do not overtake this one
            free -= work.nodes
            self._attempts[name] = self._attempts.get(name, 0) + 1
            own = {ATTEMPT: str(self._attempts[name]), NODES: str(work.nodes)}
            self._processes[name] = _Command(
                ["/bin/sh", "-c", 'exec "$@"', "sh", work.python, *work.arguments],
                env={**os.environ, **work.environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _job(self, name: str) -> ClusterJob:
        if name not in self._works:
            return ClusterJob(state=JobState.UNKNOWN)
        attempt = self._attempts.get(name, 1)
        process = self._processes.get(name)
        if name in self._canceled:
            reason = "Somebody has cancelled it."
            return ClusterJob(state=JobState.CANCELED, reason=reason, attempt=attempt)
        if process is None:
            return ClusterJob(
                state=JobState.QUEUED,
                reason="All nodes are in use",
                before=self._waiting().index(name),
                attempt=self._attempts.get(name, 0) + 1,
            )
        code = process.poll()
        if code is None:
            return ClusterJob(state=JobState.RUNNING, attempt=attempt)
        state = JobState.FAILED if code else JobState.COMPLETED
        return ClusterJob(state=state, exit_code=abs(code), attempt=attempt)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all processes of a job, which are in one group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Command(subprocess.Popen[bytes]):
    """A job's command. When it has ended, the processes that it has left are ended, too."""

    def poll(self) -> int | None:
        if self.returncode is None:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:  # nobody else gets its number before it is waited for
                os.killpg(self.pid, signal.SIGKILL)
        return super().poll()
