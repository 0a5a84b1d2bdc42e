"""Runs uv. Its output goes to the log, and it ends on request. No secret is in its arguments."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import TextIO

from amlflow.environments import dates
from amlflow.environments.errors import EnvironmentBuildCanceled, EnvironmentBuildException
from amlflow.environments.reasons import silence_line
from amlflow.environments.redaction import redact
from amlflow.environments.stalls import StallWatch, read_limit
from amlflow.fork_safety import hold_during_forks
from amlflow.parts import install_command

LAST_LINES = 400
"""How many lines of uv's output are kept, to find the reason of a failure in them."""
MAX_LINE = 2000
"""How many characters are kept of such a line."""
POLL_S = 0.05
GRACE_S = 2.0
_FROM_PIP = {
    "UV_DEFAULT_INDEX": ("UV_INDEX_URL", "PIP_INDEX_URL"),
    "UV_INDEX": ("UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
    "UV_FIND_LINKS": ("PIP_FIND_LINKS",),
}
"""uv's variables for indexes. If one is not set, uv's older variable or pip's is used."""
_DEFAULTS = {
    "UV_HTTP_TIMEOUT": "15",
    "UV_HTTP_RETRIES": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_LOCK_TIMEOUT": "7200",
}
"""Defaults for the user's variables. They end a build in 30 s if an index does not answer.

uv waits for another uv that builds the same package, which can take an hour."""
_NOT_FOR_UV = frozenset({
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", dates.SETTING,
})  # fmt: skip
"""An active environment. The date of packages is an option, and part of the key."""
_FINDING = hold_during_forks(threading.RLock())
"""uv asks sysconfig, whose first answers can be None if two threads ask at once."""
_WIDTH = "9999"
"""Where uv breaks lines. Its reasons are read, so they must not be broken."""


def index_variables(environ: Mapping[str, str], *, names_index: bool = False) -> dict[str, str]:
    """Return the settings of indexes in the environment variables, by uv's names.

    ``names_index`` says that the definition names an index. It replaces that of the variables.
    """
    values = {
        name: next((environ[key] for key in (name, *others) if environ.get(key)), "")
        for name, others in _FROM_PIP.items()
    }
    # pip separates addresses by spaces; uv takes a comma between paths.
    values["UV_FIND_LINKS"] = ",".join(values["UV_FIND_LINKS"].split())
    if names_index:
        del values["UV_DEFAULT_INDEX"]
    return {name: value for name, value in values.items() if value}


class Uv:
    """Runs commands of uv for one build.

    Args:
        log: The output of uv is written to it, without secrets.
        cancelled: Called several times a second. If it returns True, the command is ended.
        names_index: Whether the definition names an index. uv would prefer that of the environment
            variables.
    """

    def __init__(
        self, log: TextIO, cancelled: Callable[[], bool], *, names_index: bool = False
    ) -> None:
        self._log, self._cancelled, self._names_index = log, cancelled, names_index
        self._limit_s = read_limit()
        self.output: list[str] = []
        """The last lines of the last command."""

    def run(self, *arguments: str | Path, offline: bool = False, folder: Path | None = None) -> int:
        """Run a command, and return its exit code.

        Raises:
            EnvironmentBuildCanceled: ``cancelled`` returned True.
            EnvironmentBuildException: the program cannot be started.
        """
        if self._cancelled():
            raise EnvironmentBuildCanceled("The build of the environment was canceled.")
        command = self.command(*map(str, arguments))
        command += ["--offline"] if offline else []
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=self._environ(os.environ), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise EnvironmentBuildException(
                f"The program {command[0]!r}, which makes environments, could not be started: "
                f"{error.strerror}."
            ) from error
        return self._follow(process)

    def command(self, *arguments: str) -> list[str]:
        """Return the words of a command: the program, common options, and the arguments."""
        return [find_uv(), *arguments, "--color", "never", "--no-progress"]

    def _environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return uv's environment variables: no active environment, and pip's indexes as uv's."""
        own = {key: value for key, value in environ.items() if key not in _NOT_FOR_UV}
        for name in chain.from_iterable((name, *others[:-1]) for name, others in _FROM_PIP.items()):
            own.pop(name, None)
        indexes = index_variables(environ, names_index=self._names_index)
        return {**_DEFAULTS, **own, **indexes, "COLUMNS": _WIDTH}

    def _follow(self, process: subprocess.Popen[str]) -> int:
        lines: deque[str] = deque(maxlen=LAST_LINES)
        reader = threading.Thread(target=self._copy, args=(process, lines), daemon=True)
        reader.start()
        watch = StallWatch(process.pid, self._limit_s)
        try:
            # Popen.wait() with a timeout looks less and less often, but the end of the output is
            # noticed at once.
            while reader.is_alive():
                reader.join(POLL_S)
                if reader.is_alive() and self._cancelled():
                    raise EnvironmentBuildCanceled("The build of the environment was canceled.")
                if host := watch.find_host():
                    _end(process)
                    reader.join()
                    self._add(lines, silence_line(host, self._limit_s))
        finally:
            _end(process)
            reader.join()
            self.output = list(lines)
        return process.wait()

    def _copy(self, process: subprocess.Popen[str], lines: deque[str]) -> None:
        for line in process.stdout or ():
            self._add(lines, line.rstrip("\n"))

    def _add(self, lines: deque[str], line: str) -> None:
        text = redact(line)
        lines.append(text[:MAX_LINE])  # the patterns that look for a reason need time
        self._log.write(f"{text}\n")
        self._log.flush()


def find_uv() -> str:
    """Return the path of uv: from the package uv, or else in PATH.

    Raises:
        EnvironmentBuildException: uv is not installed.
    """
    try:
        # Imported here, since few scripts make an environment.
        from uv import find_uv_bin

        with _FINDING:
            return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        program = shutil.which("uv")
        if program is not None:
            return program
        raise EnvironmentBuildException(
            "An environment with packages needs uv, which is not installed here: "
            f"{install_command('local')}."
        ) from error


def _end(process: subprocess.Popen[str]) -> None:
    """End uv and the builds that it has started, if they still run."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)  # uv may end before a build that ignores SIGTERM
