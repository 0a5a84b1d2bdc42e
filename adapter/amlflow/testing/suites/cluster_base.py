"""What the parts of the suite for clusters share: fixtures, and how a job's end is waited for."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import Cluster, ClusterJob, ClusterWork, JobState
from amlflow.testing.suites.compute_base import until

NOTE = "AMLFLOW_TEST_NOTE"
OVER = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.UNKNOWN)
HEAD = "import os, pathlib, sys, time; note = pathlib.Path(os.environ['AMLFLOW_TEST_NOTE']); "
"""What the code of each work begins with."""


class ClusterTestsBase:
    """What a subclass gives, and what tests use."""

    amlflow_contract = True

    @pytest.fixture
    def cluster(self) -> Cluster:
        raise NotImplementedError("A suite's subclass gives the cluster.")

    @pytest.fixture
    def too_many_nodes(self) -> int:
        """More nodes than the cluster has."""
        return 100_000

    @pytest.fixture
    def work(self, tmp_path: Path) -> Callable[..., ClusterWork]:
        """Make a work of some code, which knows the path ``note``."""

        def make(code: str = "pass", **values: Any) -> ClusterWork:
            name = uuid.uuid4().hex
            fields: dict[str, Any] = {
                "name": name,
                "python": sys.executable,
                "arguments": ["-c", HEAD + code],
                "environment": {NOTE: str(tmp_path / name)},
                **values,
            }
            fields["environment"] = {NOTE: str(tmp_path / name), **fields["environment"]}
            return ClusterWork(**fields)

        return make

    @pytest.fixture
    def submitted(
        self, cluster: Cluster, work: Callable[..., ClusterWork]
    ) -> Iterator[Callable[..., ClusterWork]]:
        """Submit a work of some code; it is cancelled after the test."""
        names = []

        def submit(code: str = "pass", **values: Any) -> ClusterWork:
            item = work(code, **values)
            names.append(item.name)
            cluster.submit([item])
            return item

        yield submit
        cluster.cancel(names)


def end_of(cluster: Cluster, name: str) -> ClusterJob:
    """The job once it is over."""
    job = until(
        lambda: (job := cluster.look([name], now=True)[name]).state in OVER and job, pause_s=0.5
    )
    assert isinstance(job, ClusterJob)
    return job
