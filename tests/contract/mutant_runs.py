"""Runs of the suite on mutants, each in a process of its own that is forked after the collection.

One pytest session collects the suite and forks for each mutant, which takes milliseconds where a
new session takes seconds. The tests of a mutant run one after another until one fails; those that
take long are last.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pytest
import sentences
from amlflow.spec import Compute, Tracker
from amlflow.testing.plugin import THOROUGH

FOLDER = Path(__file__).parent
SUITE = FOLDER / "mutant_suite.py"
SHARED_SUITE = FOLDER / "shared_mutant_suite.py"
"""For mutants that several processes share."""
COMPUTE_SUITE = FOLDER / "compute_mutant_suite.py"
OPTIONS = [
    "-c", os.devnull, "--rootdir", str(FOLDER), "--noconftest", "-q", "--tb=short",
    "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler",
    "-p", "amlflow.testing.plugin",
]  # fmt: skip
TIMEOUT_S = 60
"""After which a mutant that does not end counts as caught."""


@dataclass(frozen=True)
class Mutant:
    """What to run the suite on, a tracker or a compute target.

    With ``sentence``, only the tests that name it are run.
    """

    opened: Callable[[], Tracker | Compute]
    sentence: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the test that failed, or None if none did, and why it failed.

    ``when`` is the phase that failed, ``sentences`` what the suite names as broken.
    """

    test: str | None
    when: str = ""
    sentences: str = ""
    reason: str = ""


def run_suite(mutants: Sequence[Mutant], suite: Path = SUITE, *, at_once: int = 1) -> list[Outcome]:
    """Run the suite on each mutant until a test fails, on several ``at_once``."""
    plugin, out = _Plugin(mutants, at_once), io.StringIO()
    with contextlib.redirect_stdout(out), pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # looking for them takes the longest
        code = pytest.main([str(suite), *OPTIONS], [plugin])
    assert code == pytest.ExitCode.OK, out.getvalue()
    return plugin.outcomes


class _Plugin:
    """Runs the collected tests once for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], at_once: int) -> None:
        self._mutants, self._at_once = mutants, at_once
        self._opened: Callable[[], Tracker | Compute] | None = None
        self._failed: pytest.TestReport | None = None
        self.outcomes: list[Outcome] = []

    @pytest.fixture
    def mutant(self) -> Callable[[], Tracker | Compute]:
        assert self._opened is not None
        return self._opened

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._failed is None:
            self._failed = report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = sorted(
            session.items, key=lambda item: item.get_closest_marker(THOROUGH) is not None
        )
        for start in range(0, len(self._mutants), self._at_once):
            forks = []
            for mutant in self._mutants[start : start + self._at_once]:
                selection = [item for item in items if _concerns(item, mutant.sentence)]
                forks.append(_fork(lambda m=mutant, s=selection: self._run(m, s)))
            self.outcomes += [_outcome(*fork) for fork in forks]
        return True

    def _run(self, mutant: Mutant, items: Sequence[pytest.Item]) -> Outcome:
        self._opened = mutant.opened
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if (report := self._failed) is not None:
                broken = dict(report.sections).get("does not hold in amlflow.spec", "")
                test = report.nodeid.rpartition("::")[2]
                return Outcome(test, report.when or "", broken, str(report.longrepr))
        return Outcome(None, reason=f"{len(items)} tests passed")


def _concerns(item: pytest.Item, sentence: str | None) -> bool:
    return sentence is None or sentence in sentences.named(getattr(item, "function", None))


def _fork(run: Callable[[], Outcome]) -> tuple[int, IO[str]]:
    """Call a function in a process of its own, which ends after a while in any case.

    Returns the process and the file to which it writes the outcome: a pipe would stay open for as
    long as any process lives that the function has started.
    """
    file = tempfile.TemporaryFile("w+")  # noqa: SIM115  (the parent reads it, and closes it then)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(TIMEOUT_S)
            try:
                outcome: dict[str, Any] = asdict(run())
            except BaseException:  # noqa: BLE001  (whatever it is, the parent is told)
                outcome = {"test": None, "when": "run", "reason": traceback.format_exc()}
            json.dump(outcome, file)
            file.flush()
        os._exit(0)  # without what the parent does at its end
    return child, file


def _outcome(child: int, file: IO[str]) -> Outcome:
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it has started and left
    with file:
        file.seek(0)
        text = file.read()
    if os.WIFSIGNALED(status):
        return Outcome(f"(ended by {signal.Signals(os.WTERMSIG(status)).name})", "call")
    return Outcome(**json.loads(text))
