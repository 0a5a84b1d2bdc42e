"""Tests that all processes of a work are ended, and no others."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import JOB, Compute
from amlflow.testing.suites.compute_base import ComputeBase, ending, goes_on, is_silent, until

BEATS = """
    import sys, time
    with open(sys.argv[1], "a") as file:
        while True:
            file.write("x")
            file.flush()
            time.sleep(0.05)
"""
"""A process that beats: it writes to the file of its argument twenty times a second."""
BACKGROUND = """
    import subprocess, sys
    code = "file = open('beats', 'a', 1)\\nwhile True: print(file=file); time.sleep(0.05)"
    code = "import time; " + code
    subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)
    print("left", flush=True)
"""
"""A process that starts another one, which beats, and then ends."""
ASKED = """
    import os, signal, sys, time
    who = "child" if os.fork() == 0 else "parent"
    def end(number, frame):
        time.sleep(0.5)
        os.write(1, (who + " saved\\n").encode())
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    os.write(1, (who + " ready\\n").encode())
    time.sleep(600)
"""
"""Two processes that take half a second to end when they are asked to."""
STUBBORN = """
    import os, signal, time
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
        if asked:
            with open("seconds.part", "w") as file:
                file.write(str(time.monotonic() - asked[0]))
            os.replace("seconds.part", "seconds")
"""
"""Notes how many seconds it has lived since it was asked to end, and does not end by itself."""

WAITING = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    print("ready", flush=True)
    time.sleep({seconds})
    sys.exit(7)
"""
"""Ends with code 7 when it is asked to, and by itself after some seconds."""
WAITING_S = 30


class ComputeEndTests(ComputeBase):
    """Tests of ``end`` and ``clean``."""

    def test_children_are_asked_to_end_too(self, started: Any) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        """
        work, run = started(ASKED)
        until(lambda: work.output.exists() and work.output.read_text().count("ready") == 2)
        run.end(grace=60)
        assert sorted(work.output.read_text().split("\n")[2:4]) == ["child saved", "parent saved"]

    @pytest.mark.thorough
    def test_they_are_killed_after_the_grace(self, started: Any) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        Started.end: Returns when no process is left.
        """
        work, run = started(STUBBORN)
        until(lambda: work.output.exists() and "ready" in work.output.read_text())
        run.end(grace=2)
        # Started.end: Returns when no process is left.
        assert run.ending() is not None
        # Started.end: End all processes
        # By the script's own clock, so what the target needs besides does not count.
        seconds = work.folder / "seconds"
        assert 1 < float(seconds.read_text() if seconds.exists() else 0) < 5

    def test_what_a_script_leaves_behind_is_ended(self, started: Any, image: str | None) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        Started.ending: How the work ended, or None while it runs.
        """
        work, run = started(BACKGROUND)
        # Started.ending: How the work ended
        assert ending(run).code == 0
        beats = work.folder / "beats"
        if image is None:  # a container ends with its first process
            until(lambda: beats.exists() and beats.stat().st_size > 2)
        run.end(grace=0.5)
        # Started.end: End all processes
        assert is_silent(beats)
        # Started.ending: How the work ended
        assert run.ending().code == 0

    def test_one_that_is_ended_at_once(self, started: Any) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        Started.end: Returns when no process is left.
        """
        work, run = started(BEATS, command=["script.py", "beats"])
        run.end(grace=0)
        # Started.end: End all processes
        assert run.ending() is not None
        # Started.end: Returns when no process is left.
        assert is_silent(work.folder / "beats")

    @pytest.mark.thorough
    def test_whole_names_are_cleaned(
        self, compute: Compute, started: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Compute.clean: End what still runs of a work whose agent is gone; it is not an error if
            nothing runs.
        Work: name is unique and consists of letters and digits.
        JOB: The agent and all processes of a script have it, also those in another session or
            process group; a script that is submitted from a submitted script has its own value.
        """
        name = uuid.uuid4().hex
        # This process acts as a script of the work `name` that submits another work.
        monkeypatch.setenv(JOB, name)
        longer, shorter = f"{name}0", name[:-1]
        for me in (longer, shorter):
            started(
                BEATS, command=["script.py", f"beats-{me}"], name=me, output=tmp_path / f"out-{me}"
            )
        beats = {me: tmp_path / "work" / f"beats-{me}" for me in (longer, shorter)}
        # Work: name is unique
        until(lambda: all(path.exists() and path.stat().st_size > 2 for path in beats.values()))
        # Compute.clean: End what still runs
        compute.clean(name)
        compute.clean(name.upper())
        go_on = [goes_on(beats[longer]), goes_on(beats[shorter])]
        # JOB: The agent and all processes
        assert go_on != [False, False]
        # Compute.clean: End what still runs
        assert go_on == [True, True]
        compute.clean(longer)
        assert is_silent(beats[longer])
        assert goes_on(beats[shorter])

    @pytest.mark.thorough
    def test_the_end_is_told_again(self, started: Any) -> None:
        """
        Started.ending: How the work ended, or None while it runs.
        Started.ending: Does not block; it is called several times a second.
        """
        work, run = started(WAITING.format(seconds=WAITING_S))
        until(lambda: work.output.exists() and "ready" in work.output.read_text())
        # Started.ending: Does not block
        assert run.ending() is None
        # Started.ending: How the work ended
        run.end(grace=60)
        end = ending(run)
        assert (end.code, run.ending()) == (7, end)
        run.end(grace=0)
        assert run.ending() == end
