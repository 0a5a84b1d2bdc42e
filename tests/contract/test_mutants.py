"""The suite catches each mutant of the reference tracker, by a test that names what is broken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sentences
from amlflow.spec import Tracker
from mutants import plain, subtle

SUITE = Path(__file__).with_name("mutant_suite.py")


class Run:
    """A run of those tests of the suite that name what a mutant breaks."""

    def __init__(self, opened: Callable[[], Tracker], broken: type) -> None:
        [self.sentence] = sentences.named(broken)
        self.opened = opened
        self.failed: list[pytest.TestReport] = []

    @pytest.fixture
    def mutant(self) -> Callable[[], Tracker]:
        return self.opened

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        items[:] = [item for item in items if self.sentence in sentences.named(item.function)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report)


def check_caught(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    report, out = failure(run, capsys)
    assert report.when == "call", out
    assert run.sentence in " ".join(dict(report.sections)["does not hold in amlflow.spec"].split())


def failure(run: Run, capsys: pytest.CaptureFixture[str]) -> tuple[pytest.TestReport, str]:
    options = ["-c", os.devnull, "--noconftest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([str(SUITE), *options, "-p", "amlflow.testing.plugin"], [run])
    out = capsys.readouterr().out
    assert code == pytest.ExitCode.TESTS_FAILED, out
    [report] = run.failed
    return report, out


@pytest.mark.parametrize("mutant", [*plain.MUTANTS, *subtle.MUTANTS])
def test_a_mutant_is_caught(
    mutant: type, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # looking for them takes the longest
    check_caught(Run(mutant, mutant), capsys)


def test_a_tracker_that_does_not_open_has_broken_no_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def opened() -> Tracker:
        raise OSError("no such place")

    report, out = failure(Run(opened, plain.CutOff), capsys)
    assert report.when == "setup"
    assert "no such place" in out
    assert "does not hold" not in out
