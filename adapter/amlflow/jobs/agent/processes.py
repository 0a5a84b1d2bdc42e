"""Writes the launcher's plan for a distributed run, and reads which process failed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from amlflow import whole_files
from amlflow.jobs import launcher
from amlflow.jobs.distribution import (
    FIRST_PORT,
    PORTS,
    Distribution,
    Join,
    rank_here,
    server_numbers,
    variables_of,
)
from amlflow.jobs.job import PROCESS_LOG, JobFolder
from amlflow.jobs.launch import runs_here
from amlflow.spec import Compute, Work
from amlflow.tracker_data import Malformed, is_whole, parse, to_object

HERE = "127.0.0.1"
MAX_FAILURE = 1000
"""How many bytes the note about the failed process has at most."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The process that failed first, and its exit code. ``-N`` means that signal ``N`` ended it."""

    number: int
    code: int

    @property
    def output(self) -> str:
        """The name of the process's output, for a message."""
        return f"that process's output ({PROCESS_LOG.format(number=self.number)})"

    def describe(self, count: int) -> str:
        """Describe the failure in a sentence."""
        how = f"ended with exit code {self.code}"
        if self.code < 0:
            how = f"was ended by the signal {_signal_name(-self.code)}"
        others = ", so the others were ended" if count > 1 else ""
        return f"Process {self.number} of {count} {how}{others}."


def distribute_here(work: Work, distribution: Distribution, folder: JobFolder) -> Work:
    """Return the work that starts all processes of a distributed work on this machine.

    It runs the launcher, which this writes into the job's folder with its plan.
    """
    processes = rank_here(distribution)
    addresses = [HERE] * (processes[-1].node + 1)
    ports = free_ports(len(processes))
    servers = set(server_numbers(distribution, processes))
    plan = {
        "command": list(work.command),
        "is_script": work.is_script,
        "mpi": distribution.join == Join.MPI,
        "failure": str(folder.failure),
        "processes": [
            {
                "number": process.number,
                "environment": variables_of(distribution, processes, process, addresses, ports),
                "log": str(folder.process_log(process.number)),
                "is_server": process.number in servers,
            }
            for process in processes
        ],
    }
    folder.processes.mkdir(mode=0o700, exist_ok=True)
    program = folder.processes / Path(launcher.__file__).name
    shutil.copyfile(launcher.__file__, program)
    path = folder.processes / "plan.json"
    whole_files.write_text(path, json.dumps(plan), whole_files.OWN)
    return dataclasses.replace(
        work,
        command=[str(program), str(path)],
        is_script=True,
        needs=[*work.needs, folder.processes],
    )


def expand_arguments(work: Work, compute: Compute) -> Work:
    """Return the work with the values of variables in its script's arguments, as v1 runs it."""
    if not work.is_script:
        return work
    environment = {**(os.environ if runs_here(compute) else {}), **work.environment}
    script, *arguments = work.command
    return dataclasses.replace(work, command=[script, *launcher.expand(arguments, environment)])


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that are free now.

    Jobs that start at the same time try other ports first, since each begins at a random one.

    Raises:
        OSError: there are too few.
    """
    begin = secrets.randbelow(PORTS)
    free: list[int] = []
    for number in range(PORTS):
        if len(free) == count:
            break
        port = FIRST_PORT + (begin + number) % PORTS
        with contextlib.suppress(OSError), socket.socket() as opened:  # another program has it
            opened.bind(("", port))
            free.append(port)
    if len(free) < count:
        raise OSError(
            f"The machine has only {len(free)} free ports from {FIRST_PORT} to "
            f"{FIRST_PORT + PORTS - 1}, and the run needs {count}."
        )
    return free


def failure_in(folder: JobFolder, count: int) -> Failure | None:
    """Return the process that failed first; None if the note names none of ``count`` processes.

    The script can write to the note's folder, so the note is parsed like any input.
    """
    try:
        with folder.failure.open("rb") as file:
            text = file.read(MAX_FAILURE).decode("utf-8", "replace")
    except OSError:
        return None
    return parse(folder.name, folder.failure.name, text, lambda text: _to_failure(text, count))


def _to_failure(text: str, count: int) -> Failure:
    content = to_object(text)
    number, code = content.get("number"), content.get("code")
    if is_whole(number) and is_whole(code) and 0 <= number < count and abs(code) < 256:
        return Failure(number, code)
    raise Malformed(f"the number of one of {count} processes and its exit code")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
