"""A known limit lets its own tests fail, and is printed at the end with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SUITE = """
import pytest
from amlflow.spec import KnownLimit
from amlflow.testing.known_limits import has_limit
from amlflow.testing.memory import MemoryTracker

class TestLimited:
    amlflow_contract = True

    @pytest.fixture
    def tracker(self):
        tracker = MemoryTracker()
        tracker.known_limits = [
            KnownLimit(switch="folds-names", reason="its database compares without case"),
            KnownLimit(switch="rounds-times", reason="it has whole seconds"),
            KnownLimit(switch="never-asked", reason="nothing tests it"),
        ]
        return tracker

    @pytest.mark.known_limit("folds-names")
    def test_excused(self, tracker):
        assert not "excused"

    @pytest.mark.known_limit("folds-names")
    def test_that_passes(self, tracker):
        pass

    def test_with_a_case(self, tracker):
        assert has_limit(tracker, "rounds-times")
        assert not has_limit(tracker, "other")

    @pytest.mark.known_limit("other")
    def test_of_another_switch(self, tracker):
        assert not "another switch"

    def test_without_a_switch(self, tracker):
        assert not "without a switch"
"""


def test_known_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "test_limited.py"
    suite.write_text(SUITE)
    options = ["-c", os.devnull, "--noconftest", "--strict-markers", "-q", "-p", "no:cacheprovider"]
    code = pytest.main([str(suite), *options, "-p", "amlflow.testing.plugin", "-p", "no:xdist"])
    out = capsys.readouterr().out
    assert code == pytest.ExitCode.TESTS_FAILED
    failures = [line.partition("::")[2] for line in out.splitlines() if line.startswith("FAILED")]
    assert [line.split()[0] for line in failures] == [
        "TestLimited::test_of_another_switch", "TestLimited::test_without_a_switch",
    ]  # fmt: skip
    assert "2 failed, 2 passed, 1 xfailed" in out
    assert "folds-names: its database compares without case" in out
    assert "rounds-times: it has whole seconds" in out
    assert "never-asked" not in out
