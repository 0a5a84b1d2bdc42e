"""The suite's tests of several processes, on the mutant that ``test_mutants`` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest
from amlflow.spec import Tracker
from amlflow.testing.suites.at_once import Opener, Others
from amlflow.testing.suites.killed import KilledTests
from amlflow.testing.suites.other_readers import OtherReaderTests
from amlflow.testing.suites.outages import Outage, OutageTests
from amlflow.testing.suites.processes import ProcessTests
from mutants.dying import Dying
from mutants.opening import open_mutant


class PatientOthers(Others):
    """Kills a process after it has ended by itself, as a tracker of class ``Dying`` lets it do."""

    def killed_after(
        self, steps: int, part: float, work: Callable[..., object], *arguments: Any
    ) -> int:
        return super().killed_after(steps, 100_000, work, *arguments)


class TestSharedMutant(KilledTests, OtherReaderTests, ProcessTests, OutageTests):
    patience = 3.0

    @pytest.fixture
    def uri(self, mutant: Callable[[], Tracker], tmp_path: Path) -> str:
        return f"{getattr(mutant, '__name__', '')}:{tmp_path}/store"

    @pytest.fixture
    def tracker(self, uri: str) -> Tracker:
        return open_mutant(uri)

    @pytest.fixture
    def others(self, uri: str, tracker: Tracker) -> Others:
        kind = PatientOthers if isinstance(tracker, Dying) else Others
        return kind(open_mutant, uri, "fork")

    @pytest.fixture
    def opener(self) -> Opener:
        return open_mutant

    @pytest.fixture
    def outage(self, tmp_path: Path) -> Outage:
        return lambda: filelock.FileLock(tmp_path / "store.lock")
