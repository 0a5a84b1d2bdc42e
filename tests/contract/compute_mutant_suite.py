"""The suite for compute targets on the mutant that ``test_mutants`` names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from amlflow.spec import Compute
from amlflow.testing.compute_suite import ComputeSuite
from amlflow.testing.suites import compute_base, compute_ends


class TestMutant(ComputeSuite):
    @pytest.fixture(autouse=True)
    def _patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a mutant leaves running has time to show that, and what it ends is given up soon."""
        monkeypatch.setattr(compute_base, "SILENCE_S", 2)
        monkeypatch.setattr(compute_base, "LIFE_S", 2)
        monkeypatch.setattr(compute_ends, "WAITING_S", 3)

    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, tmp_path: Path) -> Iterator[None]:
        """End what a mutant leaves running: it works in the test's folder."""
        yield
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(tmp_path):
                    process.kill()

    @pytest.fixture
    def compute(self, mutant: Callable[[], Compute]) -> Compute:
        return mutant()
