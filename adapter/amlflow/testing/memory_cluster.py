"""The reference cluster: a queue in memory, whose jobs are processes of this machine."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ATTEMPT, ClusterBase, ClusterJob, ClusterWork, JobState, Unavailable


class MemoryCluster(ClusterBase):
    """A cluster of ``nodes`` nodes; each job takes as many as it asks for.

    ``is_away`` lets it not answer, as a cluster whose controller is down.
    """

    def __init__(self, nodes: int = 8) -> None:
        self.nodes, self.is_away = nodes, False
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

    def submit(self, works: Sequence[ClusterWork]) -> None:
        with self._lock:
            self._answer()
            for work in works:
                self.check(work, "")
                self._works[work.name] = work
            self._schedule()

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
                    process.kill()
                    process.wait()

    def requeue(self, name: str) -> None:
        """End a job that runs and let it wait again, as a cluster does for a more urgent one."""
        with self._lock:
            process = self._processes.pop(name)
            process.kill()
            process.wait()

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("The cluster in memory does not answer.")

    def _schedule(self) -> None:
        free = self.nodes - sum(
            self._works[name].nodes
            for name, process in self._processes.items()
            if process.poll() is None
        )
        for name, work in self._works.items():
            if name in self._processes or name in self._canceled:
                continue
            if work.nodes > free:
                return  # in the order of their coming
            free -= work.nodes
            self._attempts[name] = self._attempts.get(name, 0) + 1
            attempt = {ATTEMPT: str(self._attempts[name])}
            self._processes[name] = subprocess.Popen(
                [work.python, *work.arguments],
                env={**os.environ, **work.environment, **attempt},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
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
            waiting = [other for other in self._works if other not in self._processes]
            return ClusterJob(
                state=JobState.QUEUED,
                reason="All nodes are in use",
                before=waiting.index(name),
                attempt=attempt,
            )
        code = process.poll()
        if code is None:
            return ClusterJob(state=JobState.RUNNING, attempt=attempt)
        state = JobState.FAILED if code else JobState.COMPLETED
        return ClusterJob(state=state, exit_code=abs(code), attempt=attempt)
