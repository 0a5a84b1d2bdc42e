"""What a run says if its cluster's job has ended, and the agent has not reported how."""

from __future__ import annotations

import pytest
from amlflow.jobs.cluster.looking import cluster_change
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.run_notes import LEFT_OPEN
from amlflow.spec import ClusterJob, JobState
from helpers.cluster_runs import AGENT, record


@pytest.mark.parametrize(
    ("code", "is_missing"), [(126, True), (127, True), (1, False), (None, False)]
)
def test_a_program_that_the_node_lacks_is_named(code: int | None, is_missing: bool) -> None:
    job = ClusterJob(state=JobState.FAILED, id="7", exit_code=code)
    change = cluster_change(record("Running"), job)
    assert change is not None
    error = change.system["error"]
    assert ("does not have the program" in error) is is_missing
    assert ("exit code" in error) is (code is not None)
    assert "the setting 'output'" in error


@pytest.mark.parametrize(
    ("attempt", "code", "is_named"), [(1, 1, False), (2, 1, True), (2, 255, True), (2, 9, False)]
)
def test_an_agent_that_did_not_begin(attempt: int, code: int, is_named: bool) -> None:
    """The record's agent is that of the first attempt."""
    job = ClusterJob(state=JobState.FAILED, id="7", exit_code=code, attempt=attempt)
    change = cluster_change(record("Queued"), job)
    assert change is not None
    error = change.system["error"]
    assert ("the Python that the target names may not have amlflow" in error) is is_named
    assert ("the target's image may be missing or broken on the node" in error) is is_named


@pytest.mark.parametrize("properties", [{}, AGENT], ids=["no agent", "an agent"])
def test_the_place_of_values_that_an_agent_could_not_send_is_named(
    properties: dict[str, str],
) -> None:
    run = record("Running", properties)
    change = cluster_change(run, ClusterJob(state=JobState.FAILED, exit_code=9, nodes="n[1-2]"))
    assert change is not None
    place = f"look on n[1-2] for the folder amlflow-*/{cluster_name_of(run)}/journal"
    assert (place in change.system["error"]) is bool(properties)


@pytest.mark.parametrize("reason", [None, "A node of its Slurm job failed."])
def test_an_agent_that_was_told_to_end_while_its_job_went_on(reason: str | None) -> None:
    job = ClusterJob(state=JobState.FAILED, exit_code=LEFT_OPEN, reason=reason)
    change = cluster_change(record("Running"), job)
    assert change is not None
    assert ("told to end by SIGTERM" in change.system["error"]) is (reason is None)
