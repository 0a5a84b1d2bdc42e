"""Values are drawn anew in each run, again with its seed, and are small where they fail."""

from __future__ import annotations

import os
import re
from pathlib import Path

import hypothesis
import pytest
from amlflow.testing.suites import drawn

SUITE = """
import pytest
from amlflow.spec import RunChange
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.suites.drawn import DrawnTests
from dataclasses import replace

class Faulty(MemoryTracker):
    # Drops a tag in the third change of a run, whatever else is in it.
    def update_run(self, run_id, change):
        self.counts = {**getattr(self, "counts", {})}
        self.counts[run_id] = self.counts.get(run_id, 0) + 1
        if self.counts[run_id] > 2:
            change = replace(change, tags={})
        super().update_run(run_id, change)

class TestFaulty(DrawnTests):
    drawn_cases = 100

    @pytest.fixture
    def tracker(self):
        return Faulty()
"""


def run_faulty(
    folder: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[str, str, list[str]]:
    """The output, the seed, and the changes of the smallest case that fails."""
    suite = folder / "test_faulty.py"
    suite.write_text(SUITE)
    options = ["-c", os.devnull, "--noconftest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    plugins = ["-p", "amlflow.testing.plugin", "--tb=short"]
    code = pytest.main([str(suite), "-k", "changes", *options, *plugins, *more])
    out = capsys.readouterr().out
    assert code == pytest.ExitCode.TESTS_FAILED, out
    [seed] = set(re.findall(r"--amlflow-seed=(\d+)", out))
    return out, seed, re.findall(r"RunChange\([^)]*\)", out)


def test_a_case_that_fails_is_small_and_comes_again_with_the_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seed, changes = run_faulty(tmp_path, capsys)
    assert "transition: The record of a run after a change, which Tracker.update_run stores." in out
    assert "page: A method does everything" not in out
    assert re.search(r"\['tags'\]\['\S+'\] is not as expected", out)
    _, same_seed, same_changes = run_faulty(tmp_path, capsys, f"--amlflow-seed={seed}")
    assert (same_seed, same_changes) == (seed, changes)
    # How small the case becomes, which takes the longest, is said above.
    monkeypatch.setattr(drawn, "PHASES", (hypothesis.Phase.generate,))
    monkeypatch.setenv("AMLFLOW_SEED", seed)
    assert run_faulty(tmp_path, capsys)[1] == seed
    monkeypatch.delenv("AMLFLOW_SEED")
    assert run_faulty(tmp_path, capsys)[1] != seed
