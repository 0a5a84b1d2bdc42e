"""The base of all parts of the compute suite: fixtures, and waiting for a work's end."""

from __future__ import annotations

import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import Compute, Ending, Started, Work

TIMEOUT_S = 120
"""How long something may take on a busy machine that usually takes one or two seconds."""

SILENCE_S = 0.5
"""The time without a beat after which a process counts as silent. It beats every 0.05 s."""

LIFE_S = 10.0
"""The time within which a process that goes on beats on a busy machine."""

TREE = """
    import os, pathlib, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for leaves in (False, True):
        if os.fork() == 0:
            if leaves:
                os.setsid()
                if os.fork():
                    os._exit(0)
            break
    with open("beats", "a") as file:
        while True:
            file.write("x")
            file.flush()
            time.sleep(0.05)
"""
"""Three processes that ignore SIGTERM and beat. One of them has left its parent and session."""


class ComputeBase:
    """The fixtures that a subclass defines, and those that tests use."""

    amlflow_contract = True

    @pytest.fixture
    def compute(self) -> Compute:
        raise NotImplementedError("A suite's subclass gives the compute target.")

    @pytest.fixture
    def image(self) -> str | None:
        """Return the container image with Python, for targets that need one."""
        return None

    @pytest.fixture
    def work(self, tmp_path: Path, image: str | None) -> Callable[..., Work]:
        """Return a function that makes a work of some code."""

        def make(code: str = "", **values: Any) -> Work:
            folder = tmp_path / "work"
            folder.mkdir(exist_ok=True)
            # The file is replaced, not overwritten: an earlier work may just be reading it.
            new_script = tmp_path / "new_script"
            new_script.write_text(textwrap.dedent(code))
            new_script.replace(folder / "script.py")
            fields = {
                "name": uuid.uuid4().hex,
                "command": ["script.py"],
                "is_script": True,
                "folder": folder,
                "output": tmp_path / "output",
                "environment": {"PYTHONUNBUFFERED": "1"},
                "image": image,
                **values,
            }
            return Work(**fields)

        return make

    @pytest.fixture
    def started(
        self, compute: Compute, work: Callable[..., Work]
    ) -> Iterator[Callable[..., tuple[Work, Started]]]:
        """Yield a function that starts a work of some code. It is cleaned up after the test."""
        names = []

        def start(code: str = "", **values: Any) -> tuple[Work, Started]:
            job = work(code, **values)
            compute.check(job)
            names.append(job.name)
            return job, compute.start(job)

        yield start
        for name in names:
            compute.clean(name)


def refusal(compute: Compute, work: Work) -> str:
    """Return why a work cannot run: the error of ``check`` or ``start``, or the end's reason."""
    try:
        compute.check(work)
        run = compute.start(work)
    except ComputeTargetException as error:
        return str(error.message)
    end = ending(run)
    run.end(grace=1)
    assert end.code != 0
    return str(end.reason)


def ending(run: Started) -> Ending:
    """Wait until a work has ended, and return how."""
    end = until(run.ending)
    assert isinstance(end, Ending)
    return end


def until(holds: Callable[[], Any], pause_s: float = 0.05) -> Any:
    """Wait until ``holds()`` returns a true value, and return the value."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {TIMEOUT_S} s"
        time.sleep(pause_s)


def is_silent(beats: Path) -> bool:
    """Return whether no process writes to a file or creates it for :data:`SILENCE_S`."""
    return not _beats_within(beats, SILENCE_S)


def goes_on(beats: Path) -> bool:
    """Return whether a process writes to a file. It has :data:`LIFE_S` for that."""
    return _beats_within(beats, LIFE_S)


def _beats_within(beats: Path, seconds: float) -> bool:
    size = beats.stat().st_size if beats.exists() else None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if beats.exists() and beats.stat().st_size != size:
            return True
    return False
