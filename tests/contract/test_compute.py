"""Each compute target passes the conformance suite."""

from __future__ import annotations

import pytest
from amlflow.plugins import open_compute
from amlflow.spec import Compute
from amlflow.testing.compute_suite import ComputeSuite


class TestLocal(ComputeSuite):
    @pytest.fixture
    def compute(self) -> Compute:
        return open_compute("local", {})


class TestDocker(ComputeSuite):
    @pytest.fixture
    def compute(self, docker_host: str) -> Compute:
        return open_compute("docker", {})

    @pytest.fixture
    def image(self, docker_image: str) -> str:
        return docker_image
