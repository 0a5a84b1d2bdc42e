"""What the parts of the suite for compute targets share: fixtures, and how a work is waited for."""

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
"""That a busy machine may take for what is a matter of one or two."""

SILENCE_S = 0.5
"""Without a beat, of which there are twenty a second."""

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
"""Three processes that ignore SIGTERM, one of them without parent and session, and each beats."""


class ComputeBase:
    """What a subclass gives, and what tests use."""

    amlflow_contract = True

    @pytest.fixture
    def compute(self) -> Compute:
        raise NotImplementedError("A suite's subclass gives the compute target.")

    @pytest.fixture
    def image(self) -> str | None:
        """The container image with Python, for targets that need one."""
        return None

    @pytest.fixture
    def work(self, tmp_path: Path, image: str | None) -> Callable[..., Work]:
        """Make a work of some code."""

        def make(code: str = "", **values: Any) -> Work:
            folder = tmp_path / "work"
            folder.mkdir(exist_ok=True)
            # Replaced whole: a work that was started before may be about to read it.
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
        """Start a work of some code; it is cleaned away after the test."""
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
    """Why a work cannot run: said when it is checked or started, or when it has ended."""
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
    """How a work ended, which is waited for."""
    end = until(run.ending)
    assert isinstance(end, Ending)
    return end


def until(holds: Callable[[], Any], pause_s: float = 0.05) -> Any:
    """Wait for something to hold; what it gave is returned."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {TIMEOUT_S} s"
        time.sleep(pause_s)


def is_silent(beats: Path) -> bool:
    """Whether nobody writes to a file, or makes it; each process would, twenty times a second."""
    size = beats.stat().st_size if beats.exists() else None
    deadline = time.monotonic() + SILENCE_S
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if beats.exists() and beats.stat().st_size != size:
            return False
    return True
