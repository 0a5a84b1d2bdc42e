"""The suite's tests of several processes, on the mutant that ``test_mutants`` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
from amlflow.spec import Tracker
from amlflow.testing.suites.at_once import Opener, Others
from amlflow.testing.suites.killed import KilledTests
from amlflow.testing.suites.other_readers import OtherReaderTests
from amlflow.testing.suites.outages import Outage, OutageTests
from amlflow.testing.suites.processes import ProcessTests
from mutants.opening import open_mutant


class TestSharedMutant(KilledTests, OtherReaderTests, ProcessTests, OutageTests):
    patience = 0.5

    @pytest.fixture
    def uri(self, mutant: Callable[[], Tracker], tmp_path: Path) -> str:
        return f"{getattr(mutant, '__name__', '')}:{tmp_path}/store"

    @pytest.fixture
    def tracker(self, uri: str) -> Tracker:
        return open_mutant(uri)

    @pytest.fixture
    def others(self, uri: str, tracker: Tracker) -> Others:
        return Others(open_mutant, uri, "fork")

    @pytest.fixture
    def opener(self) -> Opener:
        return open_mutant

    @pytest.fixture
    def outage(self, tmp_path: Path) -> Outage:
        return lambda: filelock.FileLock(tmp_path / "store.lock")
