"""Starts processes that log, and reads what has arrived in the tracker.

Call number k logs the number k; every fifth call logs it as a text. When a call has returned, the
process adds a byte to a file. The file is there even if the process is killed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlflow.plugins import open_tracker
from amlflow.spec import Point

from helpers import servers

HEAD = """
import os, sys, time, threading
from pathlib import Path
from azureml.core import Experiment, Run, Workspace

def begin(name="faults", **options):
    return Experiment(Workspace("s", "g", "w"), name).start_logging(
        snapshot_directory=None, outputs=False, **options)

def log(run, number, name="m"):
    run.log(name, f"text {number}" if number % 5 == 0 else number)

class Count:
    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def __call__(self):
        os.write(self._file, b".")
"""


def start(
    code: str, uri: str, *arguments: str, before: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start a process that runs some code after HEAD.

    ``before`` is a command that starts the process, such as ``strace``.
    """
    return subprocess.Popen(
        [*before, sys.executable, "-c", HEAD + code, *arguments],
        env=servers.clean_environment(MLFLOW_TRACKING_URI=uri, **environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_output(process: subprocess.Popen[str], seconds: float = 600) -> tuple[str, str]:
    """Wait for a process to end with exit code 0, and return its stdout and stderr."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out, err


def sync(uri: str, *arguments: str) -> subprocess.Popen[str]:
    """Start ``amlflow sync`` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "amlflow", "sync", *arguments],
        env=servers.clean_environment(MLFLOW_TRACKING_URI=uri),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count_returned(count: Path) -> int:
    """Return how many calls have returned."""
    return count.stat().st_size if count.exists() else 0


def read_stored(uri: str, run_id: str, name: str = "m") -> list[int]:
    """Return the numbers of the calls whose values are in the tracker, in the tracker's order."""
    return numbers(open_tracker(uri).read_points(run_id, [name]))


def numbers(points: list[Point]) -> list[int]:
    """Return the numbers of logged values, in their order."""
    return [number(each.value) for each in points]


def number(value: Any) -> int:
    """Return the number of a logged value: each fifth one is a text."""
    if isinstance(value, str):
        found = int(value.removeprefix("text "))
        assert found % 5 == 0
        return found
    assert type(value) is int
    assert value % 5
    return value
