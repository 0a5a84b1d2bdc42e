"""The local compute target with one sentence of the contract broken in each subclass."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import psutil
from amlflow.spec import JOB, Ending, Started, Work
from amlflow_local.local import LocalCompute, StartedProcess
from amlflow_local.tree import end_tree, members

COMMAND = """
    Work: command is a program and its arguments; with is_script it is a Python script and its
        arguments, which the target runs with python, or with its own Python if that is None.
    """
ENVIRONMENT = """
    Work: environment is added to the target's own environment variables and takes precedence.
    """
OUTPUT = """
    Work: What the work writes to standard output and standard error is appended to output as it is
        written.
    """
ENDING = """
    Ending: How a work ended: its exit code, and the reason in one sentence if the code does not
        tell.
    """
END = """
    Started.end: End all processes of the work: ask them to end, and kill them after grace seconds.
    """
CLEAN = """
    Compute.clean: End what still runs of a work whose agent is gone; it is not an error if nothing
        runs.
    """


@contextlib.contextmanager
def popen(**changes: Any) -> Iterator[None]:
    """Within it, processes are started with other arguments."""
    original = subprocess.Popen

    def start(command: Any, **arguments: Any) -> Any:
        return original(command, **{**arguments, **changes})

    with patch("subprocess.Popen", start):
        yield


class Local(LocalCompute):
    """The local target with no settings."""

    def __init__(self) -> None:
        super().__init__({})


class Wrapped:
    """A started work whose methods a mutant changes."""

    def __init__(self, inner: Started, work: Work) -> None:
        self.inner, self.work = inner, work

    def ending(self) -> Ending | None:
        return self.inner.ending()

    def end(self, grace: float) -> None:
        self.inner.end(grace)


class EnvReplaces(Local):
    __doc__ = ENVIRONMENT

    def start(self, work: Work) -> StartedProcess:
        with patch.dict(os.environ, clear=True):
            return super().start(work)


class OwnEnvironmentWins(Local):
    __doc__ = ENVIRONMENT

    def start(self, work: Work) -> StartedProcess:
        return super().start(replace(work, environment={**work.environment, **os.environ}))


class EnvironmentLeaks(Local):
    __doc__ = ENVIRONMENT

    def start(self, work: Work) -> StartedProcess:
        os.environ.update(work.environment)
        return super().start(work)


class LinesInVariables(Local):
    __doc__ = ENVIRONMENT

    def start(self, work: Work) -> StartedProcess:
        variables = {key: value.replace("\n", " ") for key, value in work.environment.items()}
        return super().start(replace(work, environment=variables))


class JobInherited(Local):
    """
    JOB: The agent and all processes of a script have it, also those in another session or process
        group; a script that is submitted from a submitted script has its own value.
    """

    def start(self, work: Work) -> StartedProcess:
        return super().start(replace(work, name=os.environ.get(JOB, work.name)))


class PythonIgnored(Local):
    __doc__ = COMMAND

    def start(self, work: Work) -> StartedProcess:
        return super().start(replace(work, python=None))


class NewlinesInArguments(Local):
    __doc__ = COMMAND

    def start(self, work: Work) -> StartedProcess:
        command = [argument.replace("\n", " ") for argument in work.command]
        return super().start(replace(work, command=command))


class EmptyArgumentsDropped(Local):
    __doc__ = COMMAND

    def start(self, work: Work) -> StartedProcess:
        return super().start(replace(work, command=[each for each in work.command if each]))


class Backslashes(Local):
    __doc__ = COMMAND

    def start(self, work: Work) -> StartedProcess:
        command = [argument.replace("\\", "/") for argument in work.command]
        return super().start(replace(work, command=command))


class AnotherFolder(Local):
    """
    Work: folder is the working folder; files that the script leaves there must be there after it
        has ended.
    """

    def start(self, work: Work) -> StartedProcess:
        command = [str(work.folder / work.command[0]), *work.command[1:]]
        with popen(cwd=os.sep):
            return super().start(replace(work, command=command) if work.is_script else work)


class ScriptsBelowTheFolder(Local):
    """Work: The script's path is one in folder, or an absolute one in a folder of needs."""

    def start(self, work: Work) -> StartedProcess:
        command = [work.command[0].lstrip("/"), *work.command[1:]]
        return super().start(replace(work, command=command) if work.is_script else work)


class InputInherited(Local):
    """Work: Its standard input is empty."""

    def start(self, work: Work) -> StartedProcess:
        reading, writing = os.pipe()
        os.write(writing, b"typed")
        os.close(writing)
        with popen(stdin=reading):
            return super().start(work)


class OutputReplaced(Local):
    __doc__ = OUTPUT

    def start(self, work: Work) -> StartedProcess:
        work.output.unlink(missing_ok=True)
        return super().start(work)


class ErrorsDropped(Local):
    __doc__ = OUTPUT

    def start(self, work: Work) -> StartedProcess:
        with popen(stderr=subprocess.DEVNULL):
            return super().start(work)


class RawStartErrors(Local):
    """Compute.start: Raises ComputeTargetException."""

    def start(self, work: Work) -> StartedProcess:
        if not work.is_script:
            subprocess.Popen(["true"], executable=work.command[0]).wait()
        return super().start(work)


class HighCodesAreSignals(Local):
    __doc__ = ENDING

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def ending(self) -> Ending | None:
                end = self.inner.ending()
                if end is not None and end.code > 128:
                    name = signal.Signals(end.code - 128).name if end.code < 160 else "?"
                    return replace(end, reason=f"The script was ended by the signal {name}.")
                return end

        return Process(super().start(work), work)


class SevenBitCodes(Local):
    __doc__ = ENDING

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def ending(self) -> Ending | None:
                end = self.inner.ending()
                return end and replace(end, code=end.code & 127 if end.code > 0 else end.code)

        return Process(super().start(work), work)


class ReasonsKept(Local):
    __doc__ = ENDING

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def ending(self) -> Ending | None:
                end = self.inner.ending()
                return end and replace(end, reason=None)

        return Process(super().start(work), work)


class ToldOnce(Local):
    """Started.ending: How the work ended, or None while it runs."""

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            is_told = False

            def ending(self) -> Ending | None:
                end = self.inner.ending()
                if end is None or not self.is_told:
                    self.is_told = end is not None
                    return end
                return Ending(code=0)

        return Process(super().start(work), work)


class EndingBlocks(Local):
    """Started.ending: Does not block; it is called several times a second."""

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def ending(self) -> Ending | None:
                deadline = time.monotonic() + 5  # longer than what it is asked about lasts
                while (end := self.inner.ending()) is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                return end

        return Process(super().start(work), work)


class NothingAfterTheEnd(Local):
    __doc__ = END

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def end(self, grace: float) -> None:
                if self.inner.ending() is None:
                    self.inner.end(grace)

        return Process(super().start(work), work)


class AsksTheRootOnly(Local):
    __doc__ = END

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def end(self, grace: float) -> None:
                processes = members(self.work.name)
                roots = [each for each in processes if each.ppid() == os.getpid()]
                for root in roots:
                    root.terminate()
                psutil.wait_procs(roots, min(grace, 5))
                self.inner.end(0)

        return Process(super().start(work), work)


class NoGrace(Local):
    __doc__ = END
    factor = 0

    def start(self, work: Work) -> Any:
        factor = self.factor

        class Process(Wrapped):
            def end(self, grace: float) -> None:
                self.inner.end(factor * grace)

        return Process(super().start(work), work)


class GraceTripled(NoGrace):
    __doc__ = END
    factor = 3


class NeverKills(Local):
    """Started.end: Returns when no process is left."""

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def end(self, grace: float) -> None:
                for process in members(self.work.name):
                    with contextlib.suppress(psutil.Error):
                        process.terminate()
                deadline = time.monotonic() + 3
                while self.inner.ending() is None and time.monotonic() < deadline:
                    time.sleep(0.01)

        return Process(super().start(work), work)


class SessionOnly(Local):
    """Started.end: This includes processes that ignore the request or have left their session."""

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def end(self, grace: float) -> None:
                for process in members(self.work.name):
                    with contextlib.suppress(ProcessLookupError, psutil.Error):
                        if process.ppid() == os.getpid():
                            os.killpg(process.pid, signal.SIGKILL)
                while self.inner.ending() is None:
                    time.sleep(0.02)

        return Process(super().start(work), work)


class LateStart(Local):
    __doc__ = END

    def start(self, work: Work) -> Any:
        starting = super().start

        class Process:
            inner: Started | None = None

            def ending(self) -> Ending | None:
                return self.inner.ending() if self.inner else None

            def end(self, grace: float) -> None:
                if self.inner is None:  # it is ended before it has started, and starts then
                    self.inner = starting(work)
                else:
                    self.inner.end(grace)

        return Process()


class EndsTheOthers(Local):
    __doc__ = END

    def start(self, work: Work) -> Any:
        class Process(Wrapped):
            def end(self, grace: float) -> None:
                for process in psutil.Process().children():
                    with contextlib.suppress(psutil.Error):
                        if JOB in process.environ():
                            process.kill()
                self.inner.end(grace)

        return Process(super().start(work), work)


class CleanByPrefix(Local):
    __doc__ = CLEAN

    def clean(self, name: str) -> None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                other = process.environ().get(JOB, "")
                if process.pid != os.getpid() and other and other.startswith(name):
                    end_tree(other, 0)
        super().clean(name)


class CleanInAnyCase(Local):
    __doc__ = CLEAN

    def clean(self, name: str) -> None:
        for other in (name.lower(), name.lower() + "0"):
            super().clean(other)


class CleansNothing(Local):
    __doc__ = CLEAN

    def clean(self, name: str) -> None:
        for process in members(name)[:1]:
            process.kill()


class CleanOfNothingFails(Local):
    __doc__ = CLEAN

    def clean(self, name: str) -> None:
        if not members(name):
            raise ProcessLookupError(name)
        super().clean(name)


class FolderIsChecked(Local):
    """
    Compute.check: Called before a run is created, when folder and environment do not exist yet.
    """

    def check(self, work: Work) -> None:
        os.listdir(work.folder)
        super().check(work)


class NoRuns(Local):
    """
    Compute.max_runs: How many works may run at once if the target's settings do not say; None: no
        limit.
    """

    @property
    def max_runs(self) -> int | None:
        return 0


MUTANTS = [*(each for each in Local.__subclasses__() if each.__module__ == __name__), GraceTripled]
