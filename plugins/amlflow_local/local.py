"""Runs a work as a process on this machine, as :class:`amlflow.spec.Compute` describes it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import JOB, OUT_OF_MEMORY, ComputeBase, Ending, Work, count_oom_kills

SETTINGS = ("python",)
_PR_SET_CHILD_SUBREAPER = 36


class LocalCompute(ComputeBase):
    """This machine as a compute target."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        for key in settings:
            if key not in SETTINGS:
                raise ComputeTargetException(
                    f"A compute target of the kind 'local' has no setting {key!r}; it has "
                    f"{', '.join(map(repr, SETTINGS))}, and 'max_runs' as every target."
                )
        self._python: str | None = settings.get("python")

    @property
    def max_runs(self) -> int | None:
        """The number of this machine's cores."""
        return os.cpu_count()

    def check(self, work: Work) -> None:
        if work.is_script:
            self._interpreter(work)

    def _interpreter(self, work: Work) -> str:
        python = work.python or self._python
        if python is None or python == "python":  # v1's default: the active interpreter
            return sys.executable
        path = shutil.which(os.path.expanduser(python))
        if path is None:
            raise ComputeTargetException(
                f"Python interpreter {python!r} does not exist on this machine; "
                "environment.python.interpreter_path is the path of one, such as "
                "'/path/to/venv/bin/python'."
            )
        return path

    def start(self, work: Work) -> StartedProcess:
        command = list(work.command)
        if work.is_script:
            command.insert(0, self._interpreter(work))
        adopts_orphans = _adopt_orphans()
        # The output goes straight into the file, so no other process can lose it or slow it down.
        # Both streams append to the file. The position of the second shows where the errors end.
        oom_kills = count_oom_kills()
        errors = os.open(work.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with work.output.open("ab") as output:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=work.folder,
                    env={**os.environ, **work.environment, JOB: work.name},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
            except OSError as error:
                os.close(errors)
                raise ComputeTargetException(
                    f"{command[0]!r} could not be started on this machine: {error.strerror}."
                ) from error
        # The script does not wait for psutil, which this imports. But its end must not need it from
        # a disk that may be gone by then.
        import amlflow_local.tree  # noqa: F401

        return StartedProcess(work.name, process, errors, oom_kills, adopts_orphans)

    def clean(self, name: str) -> None:
        # It imports psutil, which no script has to wait for.
        from amlflow_local.tree import end_tree

        end_tree(name, grace=0.0)


class StartedProcess:
    """A process that was started, as :class:`amlflow.spec.Started` describes it."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        errors: int,
        oom_kills: int,
        adopts_orphans: bool,
    ) -> None:
        self._name, self._process = name, process
        self._oom_kills, self._adopts_orphans = oom_kills, adopts_orphans
        self._errors: int | None = errors
        self._ending: Ending | None = None
        self._is_gone = False

    def ending(self) -> Ending | None:
        code = self._process.poll()
        _reap_orphans(self._process.pid)
        if code is not None and self._ending is None:
            is_out_of_memory = code != 0 and count_oom_kills() > self._oom_kills
            self._ending = Ending(
                code=code,
                reason=_reason(code, is_out_of_memory),
                errors_end=self._errors_end(),
                is_out_of_memory=is_out_of_memory,
            )
        return self._ending

    def _terminate(self) -> list[int]:
        """Send SIGTERM to the work's own process at once: to find the others takes a while.

        Returns its id, or nothing if it has ended.
        """
        if self._process.poll() is not None:
            return []
        self._process.terminate()
        return [self._process.pid]

    def _errors_end(self) -> int | None:
        """Return the offset after the last error output; None if there is none.

        The script shares the position of this handle, and each write to stderr moves it.
        """
        if self._errors is None:
            return None
        return os.lseek(self._errors, 0, os.SEEK_CUR) or None

    def send_signal(self, number: int) -> None:
        """Send a signal to the work's own process. It does nothing if that has ended."""
        self._process.send_signal(number)

    def end(self, grace: float) -> None:
        if self._is_gone:  # to look at all processes of the machine takes a while
            return
        terminated = self._terminate() if grace else []
        # `start` has imported it.
        from amlflow_local.tree import end_tree, members, own_members

        find = own_members if self._adopts_orphans else members
        end_tree(self._name, grace, self._process.poll, terminated, find)
        # A process that has just started is not found yet: its environment cannot be read.
        self._process.kill()
        self._process.wait()
        _reap_orphans(self._process.pid)
        self.ending()
        if self._errors is not None:
            os.close(self._errors)
            self._errors = None
        self._is_gone = True


def _reason(code: int, is_out_of_memory: bool) -> str | None:
    """Return why a script has ended, if its exit code alone does not say so."""
    if code >= 0 and not is_out_of_memory:
        return None
    name = f"was ended by the signal {signal.Signals(-code).name}" if code < 0 else ""
    reason = f"The script {name or f'ended with exit code {code}'}."
    return f"{reason} {OUT_OF_MEMORY}" if is_out_of_memory else reason


def _adopt_orphans() -> bool:
    """Become the parent of a process if its own parent ends. Returns False if the system refuses.

    Only Linux can do that, and a container's rules may forbid it. Otherwise such processes are only
    found by the variable in their environment.
    """
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _reap_orphans(own: int) -> None:
    """Reap orphans that have ended, on Linux. The work's own process is left to Popen."""
    if sys.platform != "linux":
        return
    while True:
        try:
            child = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if child is None or child.si_pid == own:
                return
            os.waitpid(child.si_pid, os.WNOHANG)
        except ChildProcessError:
            return
