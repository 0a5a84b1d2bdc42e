"""SIGTERM for a script that has ended: the agent of a cluster's job still sends what it has."""

from __future__ import annotations

import signal
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs.agent.nudges import Nudges
from amlflow.jobs.agent.on_cluster import ClusterAgent
from amlflow.jobs.agent.passed_signals import PassedSignals
from amlflow.jobs.job import Job, JobFolder, Target
from amlflow.jobs.run_notes import EndRequest
from amlflow.spec import Status


class AwayReport:
    """A report to a tracker that is away. ``hear`` is called while it waits."""

    is_superseded = False
    end_request = None
    is_leaving = False

    def __init__(self, hear: Any) -> None:
        self._hear = hear

    def leave(self) -> None:
        self.is_leaving = True

    def finish(self, outcome: EndRequest, ended: datetime) -> None:
        self._hear()


@pytest.mark.parametrize("is_early", [True, False], ids=["at the end", "while sending"])
def test_the_agent_stops_waiting_for_a_tracker_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_early: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    job = Job(
        name="job", run_id="1", tracking_uri="sqlite:///x.db",
        target=Target(name="slurm", kind="slurm"), command=["x"], is_script=True, environ={},
        environment={}, agent_python=sys.executable,
    )  # fmt: skip
    folder = JobFolder(job.name, tmp_path)
    folder.make()
    # Without their __init__, which would set handlers of this process.
    nudges, signals = object.__new__(Nudges), object.__new__(PassedSignals)
    agent = ClusterAgent(folder, job, 1, job, nudges, signals, passes_sigterm=True)

    def send_sigterm() -> None:
        agent._on_signal(signal.SIGTERM, None)

    report = AwayReport(lambda: None if is_early else send_sigterm())
    monkeypatch.setattr(agent, "_report", report)
    if is_early:
        send_sigterm()
        assert not report.is_leaving  # it may be for the script
    agent._tell(EndRequest(Status.COMPLETED), datetime.now(timezone.utc))
    assert report.is_leaving
