"""What the tests of several processes share."""

from __future__ import annotations

import pytest

from amlflow.layers.stack import open_direct
from amlflow.spec import Feature, Tracker
from amlflow.testing.suites.at_once import Opener, Others
from amlflow.testing.suites.base import SuiteBase


class ProcessBase(SuiteBase):
    """Opens the tracker in other processes, too."""

    @pytest.fixture
    def opener(self) -> Opener:
        """How other processes open the tracker at the address ``uri``."""
        return open_direct

    @pytest.fixture
    def others(self, request: pytest.FixtureRequest, tracker: Tracker, opener: Opener) -> Others:
        """Other processes that use the same tracker."""
        self.needs(tracker, Feature.SHARED)
        return Others(opener, request.getfixturevalue("uri"))
