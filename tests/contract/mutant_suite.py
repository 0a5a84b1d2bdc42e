"""The suite on the mutant that ``test_mutants`` names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from amlflow.spec import Tracker
from amlflow.testing.tracker_suite import TrackerSuite


class TestMutant(TrackerSuite):
    patience = 2.0

    @pytest.fixture
    def tracker(self, mutant: Callable[[], Tracker]) -> Tracker:
        return mutant()
