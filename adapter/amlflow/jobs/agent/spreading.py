"""Runs a distributed job on a cluster's nodes, from the agent on the first of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from amlflow.jobs.agent.last_lines import LAST_LINES, add_last_lines, last_lines
from amlflow.jobs.agent.on_node import ADDRESSES, PORT
from amlflow.jobs.agent.processes import Failure, free_ports
from amlflow.jobs.cluster.node_messages import (
    END,
    STARTED,
    TERM,
    NodeMessage,
    parse_message,
    read_lines,
)
from amlflow.jobs.cluster.payload import VARIABLE, encode_job
from amlflow.jobs.distribution import Distribution, Join, rank_by_node, server_numbers
from amlflow.jobs.job import Job
from amlflow.jobs.run_notes import EndRequest
from amlflow.run_errors import to_error
from amlflow.spec import OUT_OF_MEMORY, Cluster, Status

TICK_S = 0.2
END_S = 30.0
"""How many seconds the nodes may take to end their processes and send their files."""


class Spreading:
    """The processes of one job on all of its nodes."""

    def __init__(self, cluster: Cluster, job: Job, distribution: Distribution) -> None:
        self._distribution = distribution
        processes = rank_by_node(distribution)
        self._servers = set(server_numbers(distribution, processes))
        self._running = {process.number for process in processes}
        self._first: NodeMessage | None = None
        self._errors: list[str] = []
        self._has_started = False
        command = [
            *cluster.spread(
                distribution.nodes,
                distribution.processes,
                is_mpi=distribution.join == Join.MPI,
            ),
            sys.executable,
            "-m",
            "amlflow.jobs.agent",
            "--process",
        ]
        self._process = subprocess.Popen(
            command,
            env={
                **os.environ,
                VARIABLE: encode_job(job),
                # A target may ask for more nodes than the run.
                ADDRESSES: ",".join(cluster.addresses()[: distribution.nodes]),
                PORT: str(free_ports(1)[0]),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait(
        self,
        on_start: Callable[[], None],
        requested_end: Callable[[float], EndRequest | None],
        pause: Callable[[float], None],
    ) -> EndRequest:
        """Wait until all processes have ended, and return how the run ends.

        ``on_start`` is called when the first process has started, and ``pause`` between two looks.
        ``requested_end`` is called with the seconds since the start, and returns an EndRequest if
        the processes must end.
        """
        start = time.monotonic()
        is_running = False
        while True:
            if self._has_started and not is_running:
                is_running, start = True, time.monotonic()
                on_start()
            if self._process.poll() is not None:
                return self._outcome()
            request = requested_end(time.monotonic() - start if is_running else 0.0)
            if request is not None:
                self._end()
                return request
            if self._first is not None or (self._servers and not self._running - self._servers):
                self._end()
                return self._outcome()
            pause(TICK_S)

    def send_signal(self, number: int) -> bool:
        """Send a signal to all processes: the command that has started them passes it on.

        Returns False if none of them has started yet.
        """
        if number != signal.SIGTERM:
            self._process.send_signal(number)
        elif self._has_started:
            self._ask(TERM)
        return self._has_started

    def _ask(self, text: str) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # the process has ended
                self._process.stdin.write(text)
                self._process.stdin.flush()

    def _end(self) -> None:
        """Ask all processes to end, and wait until all nodes have sent their files."""
        self._ask(END)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        for line in read_lines(self._process.stdout):
            message = parse_message(line, self._distribution.processes)
            if message is None:
                continue
            if message.event == STARTED:
                self._has_started = True
                continue
            if message.code and self._first is None:
                self._first = message
            self._running.discard(message.number)

    def _read_errors(self) -> None:
        for line in read_lines(self._process.stderr):
            self._errors = [*self._errors[-LAST_LINES:], line.rstrip("\n")]

    def _outcome(self) -> EndRequest:
        for reader in self._readers:
            reader.join(END_S)
        first = self._first
        if first is None and not self._running - self._servers:
            return EndRequest(Status.COMPLETED)
        if first is None:
            lines = "\n".join(self._errors)
            message = f"The processes on the job's nodes ended without reporting a result: {lines}"
            return EndRequest(Status.FAILED, to_error(message, "ServiceError"))
        failure = Failure(first.number, first.code)
        node = rank_by_node(self._distribution)[first.number].node
        message = failure.describe(self._distribution.processes)
        if first.is_out_of_memory:
            message = f"{message} {OUT_OF_MEMORY}"
        if first.error is not None:
            message = (
                f"Process {first.number} of {self._distribution.processes} could not be run on "
                f"node {node} of the job: {first.error}"
            )
        message = add_last_lines(message, last_lines(first.output), failure.output)
        return EndRequest(Status.FAILED, to_error(message))
