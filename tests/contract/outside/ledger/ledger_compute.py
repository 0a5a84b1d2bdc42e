"""Runs a work as a process of this machine, which it finds again by the work's name."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time

import psutil
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import JOB, ComputeBase, Ending, Work


class ShellCompute(ComputeBase):
    max_runs = 4

    def check(self, work: Work) -> None:
        program = (work.python or "python") if work.is_script else work.command[0]
        if program != "python" and shutil.which(program) is None:
            raise ComputeTargetException(f"Program {program!r} does not exist on this machine.")

    def start(self, work: Work) -> ShellWork:
        command = list(work.command)
        if work.is_script:
            python = work.python or "python"
            command.insert(0, sys.executable if python == "python" else python)
        with work.output.open("ab") as output:
            process = subprocess.Popen(
                command, cwd=work.folder, env={**os.environ, **work.environment, JOB: work.name},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        return ShellWork(work.name, process)

    def clean(self, name: str) -> None:
        end_all(name, 0)


class ShellWork:
    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._name, self._process = name, process

    def ending(self) -> Ending | None:
        code = self._process.poll()
        if code is None:
            return None
        return Ending(code=code, reason=f"killed by signal {-code}" if code < 0 else None)

    def end(self, grace: float) -> None:
        end_all(self._name, grace)
        # A process that has just started is not found yet: its environment cannot be read.
        self._process.kill()
        self._process.wait()


def end_all(name: str, grace: float) -> None:
    """Ask all processes of a work to end, and then end those that have not."""
    asked = found(name)
    for process in asked:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and found(name):
        time.sleep(0.05)
    while left := found(name):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)


def found(name: str) -> list[psutil.Process]:
    alive = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(JOB) == name and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return [process for process in alive if process.pid != os.getpid()]
