"""Tests of a work's surroundings: its Python, its environment variables, errors of its start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import JOB, Compute, Work
from amlflow.testing.suites.compute_base import ComputeBase, ending, refusal

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
WRAPPER = '#!/bin/sh\nWRAPPED="yes $WRAPPED" exec python3 "$@"\n'


class ComputeSurroundingTests(ComputeBase):
    """Tests of what a compute target gives to a work."""

    def run_and_show(self, started: Any, tmp_path: Path, **values: Any) -> dict[str, str]:
        """Run a script, and return its environment variables."""
        work, run = started(SHOW, output=tmp_path / "shown", **values)
        end = ending(run)
        run.end(grace=1)
        text = work.output.read_text()
        work.output.unlink()
        assert end.code == 0, text
        variables: dict[str, str] = json.loads(text)
        assert variables[JOB] == work.name
        return variables

    def test_environment_on_top_of_the_targets_own(
        self, started: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Work: environment is added to the target's own environment variables and takes precedence.
        """
        monkeypatch.setenv(JOB, "outer")
        before = dict(os.environ)
        awkward = {
            "COLOUR": "green = ä", "EMPTY": "", "LINES": "two\nlines", "QUOTES": "'\"$HOME\\",
            "HOME": "/tmp/elsewhere", "lower": "x", "COLOURS": "other",
        }  # fmt: skip
        variables = self.run_and_show(started, tmp_path, environment=awkward)
        assert {key: variables.get(key) for key in awkward} == awkward
        own = self.run_and_show(started, tmp_path, environment={})
        assert "PATH" in variables
        assert variables["PATH"] == own["PATH"]
        assert set(awkward) - {"HOME"} - set(before) <= set(variables) - set(own)
        assert own.get("HOME") != "/tmp/elsewhere"
        assert dict(os.environ) == before

    def test_the_python_that_is_named(self, started: Any, tmp_path: Path) -> None:
        """
        Work: command is a program and its arguments; with is_script it is a Python script and its
            arguments, which the target runs with python, or with its own Python if that is None.
        """
        folder = tmp_path / "needed"
        folder.mkdir()
        wrapper = folder / "my python"
        wrapper.write_text(WRAPPER)
        wrapper.chmod(0o755)
        variables = self.run_and_show(started, tmp_path, python=str(wrapper), needs=[folder])
        assert variables["WRAPPED"].strip() == "yes"
        assert "WRAPPED" not in self.run_and_show(started, tmp_path)

    def test_a_script_elsewhere(self, started: Any, tmp_path: Path) -> None:
        """
        Work: The script's path is one in folder, or an absolute one in a folder of needs.
        """
        folder = tmp_path / "needed"
        folder.mkdir()
        script = folder / "launcher.py"
        script.write_text("import os, sys; print(sys.argv, os.getcwd())")
        work, run = started(command=[str(script), "a b"], needs=[folder])
        assert ending(run).code == 0
        run.end(grace=1)
        assert work.output.read_text().strip() == f"{[str(script), 'a b']} {work.folder}"

    def test_a_work_that_cannot_start(self, compute: Compute, work: Any) -> None:
        """
        Compute.start: Raises ComputeTargetException.
        """
        job: Work = work("pass")
        (job.folder / "not-executable").write_text("#!/bin/sh\necho started\n")
        for program in ("./not-executable", "./never", str(job.folder)):
            reason = refusal(compute, work(command=[program], is_script=False))
            assert Path(program).name in reason, reason

    def test_a_script_that_is_not_there(self, started: Any) -> None:
        """
        Ending: How a work ended: its exit code, and the reason in one sentence if the code does not
            tell.
        Work: What the work writes to standard output and standard error is appended to output as it
            is written.
        """
        work, run = started(command=["never.py"])
        # Ending: How a work ended
        assert ending(run).code not in (0, None)
        run.end(grace=1)
        # Work: What the work writes
        assert "never.py" in work.output.read_text()
