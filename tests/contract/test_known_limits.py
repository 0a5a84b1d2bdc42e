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


REPLACED = """
import pytest
from amlflow.spec import KnownLimit
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.suites.values import ValueTests

class TestReplaced(ValueTests):
    @pytest.fixture
    def tracker(self):
        tracker = MemoryTracker()
        tracker.known_limits = [
            KnownLimit(switch="test_no_points", reason="a call has points here"),
            KnownLimit(switch="test_values_are_of_their_moment", reason="values are shared"),
        ]
        return tracker

    def test_no_points(self, tracker):
        pass

    def test_steps_at_the_limits(self, tracker):
        pass

class TestOfOnesOwn(ValueTests):
    @pytest.fixture
    def tracker(self):
        class Sharing(MemoryTracker):
            def read_points(self, run_id, names=None):
                return [point for point in self._points[run_id].values()]

        tracker = Sharing()
        tracker.known_limits = [
            KnownLimit(switch="test_values_are_of_their_moment", reason="values are shared"),
        ]
        return tracker

    def test_of_ones_own(self, tracker):
        pass
"""
REMOVED = """
from amlflow.testing.suites.values import ValueTests

class TestRemoved(ValueTests):
    test_no_points = None
"""


def run_quickly(suite: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    options = ["-c", os.devnull, "--noconftest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    plugin = ["-p", "amlflow.testing.plugin", "--quick"]
    code = pytest.main([str(suite), *options, *plugin, *more])
    output = capsys.readouterr()
    return code, output.out + output.err


def test_a_test_is_replaced_with_a_reason_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "test_replaced.py"
    suite.write_text(REPLACED)
    code, out = run_quickly(suite, capsys)
    assert code == pytest.ExitCode.TESTS_FAILED
    failures = [line.partition("::")[2] for line in out.splitlines() if line.startswith("FAILED")]
    assert [line.split()[0] for line in failures] == ["TestReplaced::test_steps_at_the_limits"]
    assert 'KnownLimit(switch="test_steps_at_the_limits"' in out
    assert "test_no_points: a call has points here" in out
    assert "1 xfailed" in out  # a test that fails by its own name
    assert "test_values_are_of_their_moment: values are shared" in out


def test_a_test_is_not_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "test_removed.py"
    suite.write_text(REMOVED)
    code, out = run_quickly(suite, capsys)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "TestRemoved removes test_no_points" in out
