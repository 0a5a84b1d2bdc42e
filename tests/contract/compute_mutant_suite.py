"""The suite for compute targets on the mutant that ``test_mutants`` names."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from amlflow.spec import Compute
from amlflow.testing.compute_suite import ComputeSuite


class TestMutant(ComputeSuite):
    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, tmp_path: Path) -> Iterator[None]:
        """End what a mutant leaves running: it works in the test's folder."""
        yield
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(tmp_path):
                    process.kill()

    @pytest.fixture
    def compute(self, mutant: Callable[[], Compute]) -> Compute:
        return mutant()
