"""Runs of the suite on mutants, each in a process of its own that is forked after the collection.

One pytest session collects the suite and forks for each mutant, which takes milliseconds where a
new session takes seconds. The tests of a mutant run one after another until one fails; those that
take long are last. A mutant that differs in known lines is given only the tests that reach one of
them (coverage.py says which), and first those that have caught others in the least time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import coverage
import pytest
import sentences
from amlflow.spec import Compute, Tracker
from amlflow.testing.known_limits import name_of
from amlflow.testing.plugin import BROKEN, THOROUGH

FOLDER = Path(__file__).parent
SUITE = FOLDER / "mutant_suite.py"
SHARED_SUITE = FOLDER / "shared_mutant_suite.py"
"""For mutants that several processes share."""
COMPUTE_SUITE = FOLDER / "compute_mutant_suite.py"
CLUSTER_SUITE = FOLDER / "cluster_mutant_suite.py"
# Of each failure, pytest's own form of a traceback asks where all imported modules are, which takes
# longer than the test. Python's form does not.
OPTIONS = [
    "-c", os.devnull, "--rootdir", str(FOLDER), "--noconftest", "-q", "--tb=native",
    "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler",
    "-p", "amlflow.testing.plugin",
]  # fmt: skip
PAUSE_S = 0.01
TIMEOUT_S = 60
"""A test that takes longer does not end, which counts as caught."""


@dataclass(frozen=True)
class Mutant:
    """What to run the suite on, a tracker or a compute target.

    With ``sentence``, only the tests that name it are run, and with ``test``, only the test of this
    name. ``lines`` are the lines in which it
    differs from the original, and ``file`` the file that has them: only tests that reach one of
    them are run.
    """

    opened: Callable[[], Tracker | Compute]
    sentence: str | None = None
    test: str | None = None
    file: str = ""
    lines: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Reach:
    """What a test does with the original: the seconds it takes, and the lines of each file."""

    seconds: float
    lines: dict[str, list[int]]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the test that failed, or None if none did, and why it failed.

    ``when`` is the phase that failed, ``sentences`` what the suite names as broken.
    """

    test: str | None
    when: str = ""
    sentences: str = ""
    reason: str = ""


def run_suite(
    mutants: Sequence[Mutant],
    suite: Path = SUITE,
    *,
    at_once: int = 1,
    original: Callable[[], Tracker] | None = None,
    report: Callable[[Mutant, Outcome], None] = lambda mutant, outcome: None,
) -> list[Outcome]:
    """Run the suite on each mutant until a test fails, on several ``at_once``.

    With ``original``, the lines that each test reaches in it are found first, for the mutants with
    ``lines``. ``report`` is called with each outcome as it is known.
    """
    plugin, out = _Plugin(mutants, at_once, original, report), io.StringIO()
    with contextlib.redirect_stdout(out), pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # looking for them takes the longest
        code = pytest.main([str(suite), *OPTIONS], [plugin])
    assert code == pytest.ExitCode.OK, out.getvalue()
    return plugin.outcomes


class _Plugin:
    """Runs the collected tests once for each mutant."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        at_once: int,
        original: Callable[[], Tracker] | None,
        report: Callable[[Mutant, Outcome], None],
    ) -> None:
        self._mutants, self._at_once = mutants, at_once
        self._original, self._report = original, report
        self._reaches: dict[str, Reach] = {}
        self._catches: Counter[str] = Counter()
        self._opened: Callable[[], Tracker | Compute] | None = None
        self._failed: pytest.TestReport | None = None
        self._outcomes: dict[int, Outcome] = {}

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
        if self._original is not None:
            self._reaches = self._find_reaches(items)
        running: dict[int, tuple[int, IO[str]]] = {}
        for number, mutant in enumerate(self._mutants):
            if len(running) == self._at_once:
                self._finish_one(running)
            selection = self._select(items, mutant)
            child, file = _fork(lambda m=mutant, s=selection: asdict(self._run(m, s)))
            running[child] = number, file
        while running:
            self._finish_one(running)
        return True

    def _finish_one(self, running: dict[int, tuple[int, IO[str]]]) -> None:
        """Wait until one of the processes has ended, and take it out. Notes its outcome."""
        child, status = _wait_for_one(running)
        number, file = running.pop(child)
        outcome = Outcome(**_read(child, status, file))
        self._catches[outcome.test or ""] += 1
        self._report(self._mutants[number], outcome)
        self._outcomes[number] = outcome

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes in the order of the mutants."""
        return [outcome for _, outcome in sorted(self._outcomes.items())]

    def _select(self, items: Sequence[pytest.Item], mutant: Mutant) -> list[pytest.Item]:
        """The tests for a mutant, in the order in which they are tried."""
        selection = [item for item in items if _concerns(item, mutant)]
        if not mutant.lines or not self._reaches:
            return selection

        def rank(item: pytest.Item) -> float:
            catches = self._catches[item.nodeid.rpartition("::")[2]]
            return self._reaches[item.nodeid].seconds / (1 + catches)

        return sorted(
            (
                item
                for item in selection
                if mutant.lines.intersection(self._reaches[item.nodeid].lines.get(mutant.file, ()))
            ),
            key=rank,
        )

    def _run(self, mutant: Mutant, items: Sequence[pytest.Item]) -> Outcome:
        self._opened = mutant.opened
        for item, following in zip(items, [*items[1:], None], strict=True):
            signal.alarm(TIMEOUT_S)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if (report := self._failed) is not None:
                broken = dict(report.sections).get(BROKEN, "")
                test = report.nodeid.rpartition("::")[2]
                return Outcome(test, report.when or "", broken, str(report.longrepr))
        return Outcome(None, reason=f"{len(items)} tests passed")

    def _find_reaches(self, items: Sequence[pytest.Item]) -> dict[str, Reach]:
        """Run each test on the original, in a process of its own."""
        child, file = _fork(lambda: self._trace(items))
        outcome = _read(*_wait_for_one([child]), file)
        if "reaches" not in outcome:
            raise RuntimeError(f"the suite fails on the original: {outcome['reason']}")
        return {name: Reach(**reach) for name, reach in outcome["reaches"].items()}

    def _trace(self, items: Sequence[pytest.Item]) -> dict[str, Any]:
        assert self._original is not None
        self._opened = self._original
        files = sorted({mutant.file for mutant in self._mutants})
        measuring = coverage.Coverage(data_file=None, config_file=False, include=files)
        measuring.start()
        seconds: dict[str, float] = {}
        for item, following in zip(items, [*items[1:], None], strict=True):
            signal.alarm(10 * TIMEOUT_S)
            measuring.switch_context(item.nodeid)
            begun = time.perf_counter()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.perf_counter() - begun
            if self._failed is not None:
                return {"reason": f"{item.nodeid}: {self._failed.longrepr}"}
        measuring.stop()
        reaches: dict[str, Reach] = {name: Reach(took, {}) for name, took in seconds.items()}
        data = measuring.get_data()
        for file in files:
            for line, names in data.contexts_by_lineno(file).items():
                for name in filter(None, names):
                    reaches[name].lines.setdefault(file, []).append(line)
        return {"reaches": {name: asdict(reach) for name, reach in reaches.items()}}


def _concerns(item: pytest.Item, mutant: Mutant) -> bool:
    if mutant.test not in (None, name_of(item)):
        return False
    sentence = mutant.sentence
    return sentence is None or sentence in sentences.named(getattr(item, "function", None))


def _fork(run: Callable[[], dict[str, Any]]) -> tuple[int, IO[str]]:
    """Call a function in a process of its own, which ends after a while in any case.

    Returns the process and the file to which it writes what the function returns: a pipe would stay
    open for as long as any process lives that the function has started.
    """
    file = tempfile.TemporaryFile("w+")  # noqa: SIM115  (the parent reads it, and closes it then)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            # A test that hangs is ended, and says where it was.
            faulthandler.register(signal.SIGALRM, file=file, chain=True)
            signal.alarm(TIMEOUT_S)
            try:
                answer = run()
            except BaseException:  # noqa: BLE001  (whatever it is, the parent is told)
                answer = {"test": None, "when": "run", "reason": traceback.format_exc()}
            json.dump(answer, file)
            file.flush()
        os._exit(0)  # without what the parent does at its end
    return child, file


def _wait_for_one(children: Collection[int]) -> tuple[int, int]:
    """Wait until one of the processes has ended. Returns it with its status."""
    while True:  # a process of the suite may have other children, so they are asked for by number
        for child in children:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return child, status
        time.sleep(PAUSE_S)


def _read(child: int, status: int, file: IO[str]) -> dict[str, Any]:
    """Return what the function of a process that has ended returned. Ends what it has left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with file:
        file.seek(0)
        text = file.read()
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return asdict(Outcome(f"(ended by {name})", "call", reason=f"ended by {name}: {text}"))
    answer: dict[str, Any] = json.loads(text)
    return answer
