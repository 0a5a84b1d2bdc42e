"""The agent of a cluster's job is told that its run is to end, or gets SIGTERM, at any moment."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.jobs.agent import node_job, on_cluster
from amlflow.jobs.agent.node_upkeep import NodeReport, Upkeep
from amlflow.jobs.agent.nudges import Nudges
from amlflow.jobs.agent.on_cluster import ClusterAgent
from amlflow.jobs.agent.passed_signals import PassedSignals
from amlflow.jobs.agent.report import Report
from amlflow.jobs.agent.spreading import Spreading
from amlflow.jobs.agent.supervise import Agent
from amlflow.jobs.job import Job, JobFolder, Target
from amlflow.jobs.queue import NoQueue
from amlflow.jobs.run_notes import EndRequest
from amlflow.spec import ClusterJob, JobState, RunChange, Status, Unavailable
from amlflow.testing.memory import MemoryTracker
from helpers.cluster_runs import AGENT, CANCEL, record, stored

FAILED = EndRequest("Failed", {"error": {"message": "as asked"}})
CANCELED = EndRequest("Canceled")


class Script:
    """A script that runs until it is told to end."""

    def __init__(self) -> None:
        self.graces: list[float] = []

    def ending(self) -> None:
        return None

    def end(self, grace: float) -> None:
        self.graces.append(grace)


class NotedReport:
    """A report to a tracker in which the request ``noted`` is found."""

    is_superseded = False

    def __init__(self, noted: EndRequest | None) -> None:
        self._noted = noted
        self.end_request: EndRequest | None = None
        self.finished: list[EndRequest] = []

    def hear(self) -> None:
        self.end_request = self._noted

    def finish(self, outcome: EndRequest, ended: datetime) -> None:
        self.finished.append(outcome)

    def leave(self) -> None:
        pass


@pytest.fixture
def job() -> Job:
    return Job(
        name="job", run_id="1", tracking_uri="sqlite:///x.db",
        target=Target(name="slurm", kind="slurm"), command=["x"], is_script=True, environ={},
        environment={}, agent_python=sys.executable,
    )  # fmt: skip


@pytest.fixture
def make_agent(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ClusterAgent]:
    def make(noted: EndRequest | None = None, state: JobState = JobState.RUNNING) -> ClusterAgent:
        monkeypatch.chdir(tmp_path)
        folder = JobFolder(job.name, tmp_path)
        folder.make()
        # Without their __init__, which would set handlers of this process.
        nudges, signals = object.__new__(Nudges), object.__new__(PassedSignals)
        nudges._is_nudged, signals._send = False, None
        agent = ClusterAgent(folder, job, 1, job, nudges, signals, passes_sigterm=True)
        monkeypatch.setattr(agent, "_report", NotedReport(noted))
        monkeypatch.setattr(agent, "_look", lambda: ClusterJob(state=state))
        return agent

    return make


def finished(agent: ClusterAgent, outcome: EndRequest) -> list[EndRequest]:
    agent._tell(outcome, datetime.now(timezone.utc))
    return agent._report.finished  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("noted", [None, CANCELED, FAILED])
def test_a_told_agent_ends_the_script_and_then_reads_how_the_run_ends(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch, noted: EndRequest | None
) -> None:
    monkeypatch.setattr(on_cluster, "REQUEST_S", 0.0)
    agent, script = make_agent(noted), Script()
    agent._nudges._is_nudged = True
    outcome = agent._wait_for_end(script)
    assert len(script.graces) == 1
    assert agent._report.end_request is None, "the script does not wait for the tracker"
    assert finished(agent, outcome) == [noted or CANCELED]


@pytest.mark.parametrize("end", [EndRequest("Completed"), FAILED])
def test_a_script_that_has_ended_before_its_agent_is_told(make_agent: Any, end: EndRequest) -> None:
    agent = make_agent(CANCELED)
    agent._nudges._is_nudged = True
    agent._heed_nudge()
    assert finished(agent, end) == [end]


def test_a_told_agent_that_the_cluster_ends_before_the_tracker_answers(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent(None)
    monkeypatch.setattr(on_cluster, "REQUEST_S", 0.0)
    agent._nudges._is_nudged = True
    agent._heed_nudge()
    agent._passes_sigterm = False
    agent._on_signal(signal.SIGTERM, None)
    assert finished(agent, agent._signalled) == [CANCELED]


def test_sigterm_for_a_script_that_has_not_started(make_agent: Any) -> None:
    """Without amlflow it would end the job, too, and the script must not start with it lost."""
    agent = make_agent()
    agent._on_signal(signal.SIGTERM, None)
    assert agent._is_to_end()
    outcome = agent._requested_end()
    assert "before its script had started" in str(outcome.error)
    assert finished(agent, outcome) == [outcome]


def test_sigterm_for_processes_of_several_nodes_that_have_not_started() -> None:
    spreading, asked = object.__new__(Spreading), []
    spreading._ask = asked.append  # type: ignore[method-assign]
    signals = object.__new__(PassedSignals)
    for has_started in (False, True):
        spreading._has_started = has_started
        with signals.to(spreading.send_signal):
            assert signals.pass_on(signal.SIGTERM) is has_started
    assert len(asked) == 1


def test_a_build_that_fails_since_the_cluster_ends_the_job(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm sends SIGTERM to all processes of the job, and pip's end is seen first."""
    agent = make_agent(state=JobState.ENDING)

    def build(self: Agent) -> EndRequest:
        agent._on_signal(signal.SIGTERM, None)
        raise EnvironmentBuildException("pip ended with exit code -15.")

    agent._passes_sigterm = False
    monkeypatch.setattr(Agent, "_run_script", build)
    assert agent._run_script() == agent._signalled
    monkeypatch.setattr(agent, "_signalled", None)
    monkeypatch.setattr(agent, "_on_signal", lambda *_: None)
    with pytest.raises(EnvironmentBuildException):
        agent._run_script()


class Busy:
    """A tracker that answers at the third question for a snapshot."""

    def __init__(self, tmp_path: Path) -> None:
        self.asked = 0
        self.archive = tmp_path / "archive.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            archive.writestr("script.py", "print(1)")

    def get_snapshot(self, digest: str, destination: Path) -> None:
        self.asked += 1
        if self.asked < 3:
            raise Unavailable("No server answers (timed out).")
        shutil.copy(self.archive, destination)


@pytest.mark.parametrize("is_told", [False, True])
def test_a_tracker_that_is_away_before_the_script_starts(
    make_agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    busy, agent = Busy(tmp_path), make_agent(CANCELED)
    monkeypatch.setattr(node_job, "open_direct", lambda uri: busy)
    agent._job = dataclasses.replace(agent._job, snapshot="digest")
    report = Report(agent._folder, agent._job, NoQueue())
    monkeypatch.setattr(report._leaving, "wait", lambda seconds: None)
    monkeypatch.setattr(agent, "_report", report)
    agent._nudges._is_nudged = is_told

    def unpack(self: Agent) -> EndRequest:
        self._unpack()
        return EndRequest(Status.COMPLETED)

    monkeypatch.setattr(Agent, "_run_script", unpack)
    assert agent._run_script() == (CANCELED if is_told else EndRequest(Status.COMPLETED))
    assert busy.asked == (1 if is_told else 3)
    assert (agent._folder.work / "script.py").exists() is not is_told


def test_a_node_waits_for_a_tracker_that_is_away(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prepares itself while its processes wait. If they are to end, it does not wait longer."""
    busy = Busy(tmp_path)
    monkeypatch.setattr(node_job, "open_direct", lambda uri: busy)
    folder = JobFolder(job.name, tmp_path)
    folder.make()
    upkeep = Upkeep(dataclasses.replace(job, snapshot="digest"), folder, 1, 1)
    monkeypatch.setattr(upkeep._report._leaving, "wait", lambda seconds: None)
    monkeypatch.setattr(NodeReport, "send_all", list)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable), upkeep.prepare(lambda: True, lambda: False):
        pass
    assert busy.asked == 1
    with upkeep.prepare(lambda: False, lambda: False) as work:
        assert (work.folder / "script.py").exists()
    assert busy.asked == 3


class Late:
    """A tracker that gets the request to end a run at the third look, or is away."""

    def __init__(self, is_away: bool) -> None:
        self._tracker = MemoryTracker("memory:")
        self.run = stored(self._tracker, record("Running", AGENT))
        self._is_away, self.looks = is_away, 0

    def get_run(self, run_id: str) -> Any:
        self.looks += 1
        if self._is_away:
            raise Unavailable("The tracker is away.")
        if self.looks == 3:
            self._tracker.update_run(run_id, RunChange(system=CANCEL))
        return self._tracker.get_run(run_id)


@pytest.mark.parametrize("is_away", [False, True])
def test_the_agent_waits_for_a_request_that_is_being_written(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    late, agent = Late(is_away), make_agent()
    job = dataclasses.replace(agent._job, run_id=late.run.id)
    report = Report(agent._folder, job, NoQueue())
    monkeypatch.setattr(report, "_open", lambda: late)
    monkeypatch.setattr(agent, "_report", report)
    monkeypatch.setattr(on_cluster, "REQUEST_PAUSE_S", 0.0)
    if is_away:
        report.leave()  # the cluster ends the agent soon
    agent._wait_for_request()
    assert report.end_request == (None if is_away else EndRequest(Status.CANCELED))
    assert late.looks == (1 if is_away else 3)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_job_that_is_put_back_after_its_run_has_ended(
    make_agent: Any, job: Job, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """As when Slurm preempts a job while its agent reports the end: nothing runs or changes."""
    tracker = MemoryTracker("memory:")
    ended = datetime(2026, 1, 3, tzinfo=timezone.utc)
    run = stored(tracker, record("Finalizing", AGENT))
    tracker.update_run(run.id, RunChange(status=status, ended=ended))
    agent = make_agent()
    report = Report(agent._folder, dataclasses.replace(job, run_id=run.id), NoQueue(), 2)
    monkeypatch.setattr(report, "_open", lambda: tracker)
    monkeypatch.setattr(agent, "_report", report)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    agent.run()
    after = tracker.get_run(run.id)
    assert (after.status, after.ended) == (status, ended)
    assert not agent._folder.path.exists()


def test_the_agent_does_not_wait_for_ever_for_a_request(
    make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent()
    monkeypatch.setattr(on_cluster, "REQUEST_S", 0.0)
    agent._wait_for_request()
    assert agent._report.end_request is None
