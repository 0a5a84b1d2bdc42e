"""The suite on the mutant that ``test_mutants`` names."""

from __future__ import annotations

import pytest
from amlflow.spec import Tracker
from amlflow.testing.tracker_suite import TrackerSuite


class TestMutant(TrackerSuite):
    @pytest.fixture
    def tracker(self, mutant: type[Tracker]) -> Tracker:
        return mutant()
