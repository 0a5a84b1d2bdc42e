"""The conformance suite for compute targets.

Each test's docstring quotes the sentences of ``amlflow.spec`` that do not hold when it fails, as
``owner: sentence``.

A plugin's tests inherit :class:`ComputeSuite` and define a fixture ``compute``. The tests run
Python scripts there that need no packages.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import JOB, Compute, Ending, Work
from amlflow.testing.suites.compute_base import TREE, ending, is_silent, refusal, until
from amlflow.testing.suites.compute_ends import ComputeEndTests
from amlflow.testing.suites.compute_surroundings import ComputeSurroundingTests
from amlflow.testing.suites.signatures import check_signatures

MAX_RUNS = 10_000


class ComputeSuite(ComputeSurroundingTests, ComputeEndTests):
    """The tests that every compute target must pass."""

    def test_arguments_by_position_and_by_name(self, compute: Compute) -> None:
        """
        page: A method takes its arguments by position and by name, as its signature in the contract
            says; an argument that the contract does not have needs a default.
        """
        check_signatures(compute, Compute)

    def test_how_many_at_once_is_none_or_a_number(self, compute: Compute) -> None:
        """
        Compute.max_runs: How many works may run at once if the target's settings do not say; None:
            no limit.
        """
        assert compute.max_runs is None or 0 < compute.max_runs < MAX_RUNS

    def test_a_script_that_ends_well(self, started: Any) -> None:
        """
        Compute.start: Start a work.
        Started.ending: How the work ended, or None while it runs.
        """
        work, run = started("print('hello')")
        # Started.ending: How the work ended
        assert ending(run) == Ending(code=0)
        run.end(grace=1)
        # Compute.start: Start a work.
        assert work.output.read_text() == "hello\n"

    def test_what_it_needs_is_there(self, started: Any, tmp_path: Path) -> None:
        """
        Work: needs lists further folders of this machine that the script uses by their own paths.
        """
        folder = tmp_path / "needed ä"
        folder.mkdir()
        (folder / "data").write_text("here")
        code = f"import pathlib; print(pathlib.Path({str(folder)!r}, 'data').read_text())"
        work, run = started(code, needs=[folder])
        ending(run)
        run.end(grace=1)
        assert work.output.read_text() == "here\n"

    def test_a_check_needs_no_folder(self, compute: Compute, work: Callable[..., Work]) -> None:
        """
        Compute.check: Called before a run is created, when folder and environment do not exist yet.
        """
        job = work("pass")
        compute.check(dataclasses.replace(job, folder=job.folder / "not there", environment={}))

    def test_output_is_appended_in_order(self, started: Any, tmp_path: Path) -> None:
        """
        Work: What the work writes to standard output and standard error is appended to output as it
            is written.
        """
        (tmp_path / "output").write_text("before\n")
        work, run = started(
            """
            import sys
            for number in range(3000):
                print(number, file=sys.stderr if number % 3 == 0 else sys.stdout)
            """
        )
        ending(run)
        run.end(grace=1)
        lines = work.output.read_text().splitlines()
        assert lines[0] == "before"
        numbers = [int(line) for line in lines[1:]]
        assert sorted(numbers) == list(range(3000))
        for stream in (0, 1):
            own = [number for number in numbers if (number % 3 != 0) == bool(stream)]
            assert own == sorted(own)

    def test_where_standard_error_ends(self, started: Any, tmp_path: Path) -> None:
        """
        Ending: errors_end is the byte offset in Work.output just after the last output to standard
            error; None if there was none, or if the target cannot tell.
        """
        (tmp_path / "output").write_text("before\n")
        work, run = started(
            """
            import os
            os.write(1, b"some\\n")
            os.write(2, b"the reason\\n")
            os.write(1, b"more\\n" * 1000)
            raise SystemExit(4)
            """
        )
        end = ending(run)
        run.end(grace=1)
        assert end.code == 4
        if end.errors_end is not None:
            until_there = work.output.read_bytes()[: end.errors_end]
            assert until_there == b"before\nsome\nthe reason\n"

    def test_where_nothing_is_written_to_standard_error(self, started: Any) -> None:
        """
        Ending: errors_end is the byte offset in Work.output just after the last output to standard
            error; None if there was none, or if the target cannot tell.
        """
        _, run = started("print('fine')")
        assert ending(run).errors_end is None
        run.end(grace=1)

    def test_output_comes_while_it_runs(self, started: Any) -> None:
        """
        Work: What the work writes to standard output and standard error is appended to output as it
            is written.
        Started.ending: Does not block; it is called several times a second.
        """
        work, run = started("import time; print('early'); time.sleep(600)")
        # Work: What the work writes
        until(lambda: work.output.exists() and work.output.read_text() == "early\n")
        # Started.ending: Does not block
        assert run.ending() is None
        run.end(grace=1)

    @pytest.mark.parametrize(
        "code", [1, 3, 129, pytest.param(137, marks=pytest.mark.known_limit("exit-code-137")), 255]
    )
    def test_exit_codes(self, started: Any, code: int) -> None:
        """
        Ending: How a work ended: its exit code, and the reason in one sentence if the code does not
            tell.
        """
        _, run = started(f"raise SystemExit({code})")
        assert ending(run) == Ending(code=code)  # never a signal, unlike in a shell
        run.end(grace=1)

    def test_one_that_is_killed_says_so(self, started: Any) -> None:
        """
        Ending: How a work ended: its exit code, and the reason in one sentence if the code does not
            tell.
        """
        _, run = started("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        end = ending(run)
        assert end.code != 0
        assert end.reason
        assert "kill" in end.reason.lower()
        run.end(grace=1)

    def test_arguments_are_as_given(self, started: Any) -> None:
        """
        Work: command is a program and its arguments; with is_script it is a Python script and its
            arguments, which the target runs with python, or with its own Python if that is None.
        """
        words = ["--x", "a b", "$HOME", "'\"\\", "ä", "", "*", "two\nlines", "\t", "a\\nb", "-"]
        work, run = started("import sys; print(sys.argv)", command=["script.py", *words])
        ending(run)
        run.end(grace=1)
        assert work.output.read_text().strip() == str(["script.py", *words])

    def test_a_command(self, started: Any) -> None:
        """
        Work: command is a program and its arguments; with is_script it is a Python script and its
            arguments, which the target runs with python, or with its own Python if that is None.
        """
        work, run = started(command=["sh", "-c", "echo $((20 + 22))"], is_script=False)
        ending(run)
        run.end(grace=1)
        assert work.output.read_text() == "42\n"

    def test_its_environment_and_folder(self, started: Any) -> None:
        """
        Work: environment is added to the target's own environment variables and takes precedence.
        Work: folder is the working folder; files that the script leaves there must be there after
            it has ended.
        JOB: The name of the environment variable that holds Work.name.
        """
        work, run = started(
            "import os; print(os.environ['COLOUR'], os.environ['" + JOB + "'], os.getcwd());"
            "open('left', 'w').write('here')",
            environment={"COLOUR": "green = ä"},
        )
        # Work: folder is the working folder
        assert ending(run).code == 0, work.output.read_text()
        run.end(grace=1)
        words = work.output.read_text().split()
        # Work: environment is added
        assert words[:3] == ["green", "=", "ä"]
        # JOB: The name of the environment variable
        assert words[3] == work.name
        # Work: folder is the working folder
        assert (work.folder / "left").read_text() == "here"
        (work.folder / "left").unlink()  # the caller may remove it

    def test_it_reads_nothing(self, started: Any) -> None:
        """Work: Its standard input is empty."""
        work, run = started("import sys; print(repr(sys.stdin.read()))")
        ending(run)
        run.end(grace=1)
        assert work.output.read_text() == "''\n"

    def test_one_that_ends_when_asked(self, started: Any) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        """
        work, run = started(
            """
            import signal, sys, time
            def end(number, frame):
                print("saved")
                sys.exit(0)
            signal.signal(signal.SIGTERM, end)
            print("ready")
            time.sleep(600)
            """
        )
        until(lambda: work.output.exists() and "ready" in work.output.read_text())
        begun = time.monotonic()
        run.end(grace=60)
        assert time.monotonic() - begun < 50
        assert work.output.read_text() == "ready\nsaved\n"
        assert run.ending() is not None

    def test_the_whole_tree_ends(self, started: Any) -> None:
        """
        Started.end: This includes processes that ignore the request or have left their session.
        Started.end: Returns when no process is left.
        """
        work, run = started(TREE)
        beats = work.folder / "beats"
        until(lambda: beats.exists() and beats.stat().st_size > 10)
        run.end(grace=0.5)
        # Started.end: Returns when no process is left.
        assert run.ending() is not None
        # Started.end: This includes processes
        assert is_silent(beats)
        run.end(grace=0.5)  # ending it twice is not an error

    @pytest.mark.thorough
    def test_clean_ends_what_an_agent_left(self, compute: Compute, started: Any) -> None:
        """
        Compute.clean: End what still runs of a work whose agent is gone; it is not an error if
            nothing runs.
        """
        work, run = started(TREE)
        beats = work.folder / "beats"
        until(lambda: beats.exists() and beats.stat().st_size > 10)
        compute.clean(work.name)
        assert is_silent(beats)
        ending(run)
        compute.clean(work.name)
        compute.clean(uuid.uuid4().hex)

    def test_one_ends_and_the_other_goes_on(self, started: Any, tmp_path: Path) -> None:
        """
        Started.end: End all processes of the work: ask them to end, and kill them after grace
            seconds.
        Work: name is unique and consists of letters and digits.
        """
        _, first = started("import time; time.sleep(600)", output=tmp_path / "first")
        _, second = started("import time; time.sleep(600)", output=tmp_path / "second")
        first.end(grace=1)
        # Started.end: End all processes
        assert first.ending() is not None
        # Work: name is unique
        assert second.ending() is None
        second.end(grace=1)

    def test_a_program_that_is_not_there(self, compute: Compute, work: Any) -> None:
        """
        Compute.check: Raise ComputeTargetException with what to do if the work cannot run now.
        """
        job = work(command=["no-such-program"], is_script=False)
        assert "no-such-program" in refusal(compute, job)

    def test_a_python_that_is_not_there(self, compute: Compute, work: Any) -> None:
        """
        Compute.check: Raise ComputeTargetException with what to do if the work cannot run now.
        """
        assert "/nowhere/python" in refusal(compute, work("pass", python="/nowhere/python"))
