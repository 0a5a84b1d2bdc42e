"""Tests of a cluster that does not answer, or whose answers are lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import Cluster, ClusterWork, JobState, Unavailable
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.cluster_base import OVER, ClusterTestsBase, end_of

Outage = Callable[[], contextlib.AbstractContextManager[object]]


class ClusterAwayTests(ClusterTestsBase):
    """Tests of what is said and done meanwhile: nothing is concluded, and nothing runs twice."""

    @pytest.fixture
    def outage(self) -> Outage | None:
        """Return a function whose context manager makes the cluster not answer; None if none can.

        In it, ``submit`` should give up soon.
        """
        return None

    @pytest.fixture
    def lost_answer(self) -> Outage | None:
        """Return a function whose context manager makes the cluster take works without an answer.

        The plugin gets an answer again when it asks for the works. None if nothing can do that.
        """
        return None

    def test_a_cluster_that_does_not_answer(
        self,
        cluster: Cluster,
        submitted: Any,
        work: Callable[..., ClusterWork],
        outage: Outage | None,
    ) -> None:
        """
        Cluster.look: Raises Unavailable.
        Cluster.look: A job is JobState.UNKNOWN only by an answer that is younger than the call.
        Cluster.cancel: Raises Unavailable.
        Cluster.submit: Raises Unavailable if the cluster does not answer for a minute; the work may
            be in the queue all the same.
        Cluster.nudge: Raises Unavailable.
        """
        if outage is None:
            pytest.skip(f"{NOT_CLAIMED}outages (fixture `outage`)")
        name, other = submitted("time.sleep(600)").name, work()
        with outage():
            # Cluster.look: Raises Unavailable.
            with pytest.raises(Unavailable):
                cluster.look([name], now=True)
            # Cluster.look: A job is
            with contextlib.suppress(Unavailable):
                job = cluster.look([name]).get(name)
                assert job is None or job.state not in OVER
            # Cluster.cancel: Raises Unavailable.
            with pytest.raises(Unavailable):
                cluster.cancel([name])
            # Cluster.submit: Raises Unavailable
            with pytest.raises(Unavailable):
                cluster.submit([other])
            # Cluster.nudge: Raises Unavailable.
            with contextlib.suppress(Unavailable):
                cluster.nudge([name])
        # Cluster.look: Raises Unavailable.
        assert cluster.look([name], now=True)[name].state not in OVER
        cluster.cancel([other.name])

    def test_an_answer_that_is_lost(
        self,
        cluster: Cluster,
        work: Callable[..., ClusterWork],
        lost_answer: Outage | None,
        tmp_path: Path,
    ) -> None:
        """
        Cluster.submit: If the answer of the cluster is lost, it is asked for the work's name before
            the work is submitted again.
        """
        if lost_answer is None:
            pytest.skip(f"{NOT_CLAIMED}lost answers (fixture `lost_answer`)")
        item = work("note.open('a').write('x'); time.sleep(0.5)")
        with lost_answer(), contextlib.suppress(Unavailable):
            cluster.submit([item])
        assert end_of(cluster, item.name).state is JobState.COMPLETED
        assert (tmp_path / item.name).read_text() == "x"
