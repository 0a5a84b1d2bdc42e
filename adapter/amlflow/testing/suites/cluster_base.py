"""The base of all parts of the cluster suite: fixtures, and waiting for a job's end."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import Cluster, ClusterJob, ClusterWork, JobState
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.compute_base import until

NOTE = "AMLFLOW_TEST_NOTE"
OVER = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.UNKNOWN)
HEAD = "import os, pathlib, sys, time; note = pathlib.Path(os.environ['AMLFLOW_TEST_NOTE']); "
"""The beginning of the code of each work."""


class ClusterTestsBase:
    """The fixtures that a subclass defines, and those that tests use."""

    amlflow_contract = True

    @pytest.fixture
    def cluster(self) -> Cluster:
        raise NotImplementedError("A suite's subclass gives the cluster.")

    @pytest.fixture
    def opening(self) -> str | None:
        """Return code that sets ``cluster`` within a job; None if a job cannot open the cluster.

        For example::

            from amlflow.plugins import open_cluster
            cluster = open_cluster("mine", {})
        """
        return None

    @pytest.fixture
    def reopened(self, cluster: Cluster, opening: str | None) -> Cluster:
        """Return the cluster, opened once more as another process does. It knows the same jobs."""
        if opening is None:
            pytest.skip(f"{NOT_CLAIMED}jobs that another process finds (fixture `opening`)")
        names: dict[str, Any] = {"sys": sys}
        exec(opening, names)
        opened: Cluster = names["cluster"]
        return opened

    @pytest.fixture
    def too_many_nodes(self) -> int:
        """Return a number of nodes that is larger than the cluster."""
        return 100_000

    @pytest.fixture
    def image(self) -> str | None:
        """Return an image that the cluster runs jobs in; None if it refuses works with an image."""
        return None

    @pytest.fixture
    def work(self, tmp_path: Path) -> Callable[..., ClusterWork]:
        """Return a function that makes a work of some code. The code has the path ``note``."""

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
        """Yield a function that submits a work of some code. It is cancelled after the test."""
        names = []

        def submit(code: str = "pass", **values: Any) -> ClusterWork:
            item = work(code, **values)
            names.append(item.name)
            cluster.submit([item])
            return item

        yield submit
        cluster.cancel(names)


def end_of(cluster: Cluster, name: str) -> ClusterJob:
    """Wait until a job is over, and return it."""
    job = until(
        lambda: (job := cluster.look([name], now=True)[name]).state in OVER and job, pause_s=0.5
    )
    assert isinstance(job, ClusterJob)
    return job
