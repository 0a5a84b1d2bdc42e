"""The property by which an agent claims a run: it is in the tracker, and is never shown."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from amlflow.claims import attempt_of, claim_key, without_claims
from amlflow.core.experiment import Experiment
from amlflow.core.runs.comparison import compare_runs
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.query.document import Documents
from amlflow.spec import RunDraft
from amlflow.testing.memory import MemoryTracker
from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]

OWN = {"author": "azureml-user"}


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "explore-runs")


@pytest.fixture
def run(experiment: Experiment, tracker: MemoryTracker) -> Run:
    """A run that an agent has claimed, at a second attempt."""
    claims = {claim_key(1): "first", claim_key(2): "second"}
    now = datetime.now(timezone.utc)
    draft = RunDraft(
        experiment_id=experiment.id, created=now, status="Completed", properties={**OWN, **claims}
    )
    [record] = tracker.create_runs([draft])
    return Run(experiment, record.id)


@pytest.mark.parametrize("attempt", [1, 2, 99999])
def test_a_claim_has_its_attempt(attempt: int) -> None:
    assert attempt_of(claim_key(attempt)) == attempt


@pytest.mark.parametrize(
    "key", ["author", "amlflow.agents", "amlflow.agent.", "amlflow.agent.x", "amlflow.agent.\u00b2"]
)
def test_a_property_with_another_name_is_the_users(key: str) -> None:
    assert attempt_of(key) is None
    assert without_claims({key: "x"}) == {key: "x"}


def test_a_run_shows_the_users_properties_alone(run: Run) -> None:
    assert run.properties == OWN
    assert run.get_properties() == OWN
    assert run.get_details()["properties"] == OWN


def test_runs_that_differ_in_their_claims_do_not_differ(run: Run, experiment: Experiment) -> None:
    other = experiment.start_logging(snapshot_directory=None, properties=OWN)
    assert compare_runs(run, other)["properties"] == {}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("[0].properties", OWN),
        ('[].properties."amlflow.agent"', []),
        ("[?properties.\"amlflow.agent\" == 'first'] | length(@)", 0),
        ('[?!(properties."amlflow.agent")] | length(@)', 1),
        ("[?contains(keys(properties), 'amlflow.agent.2')] | length(@)", 0),
        ("[?properties.keys(@)[?@ == 'amlflow.agent']] | length(@)", 0),
        ("[?properties.keys(@)[?@ == 'author']] | length(@)", 1),
    ],
)
def test_queries_do_not_find_claims(
    run: Run, experiment: Experiment, query: str, answer: Any
) -> None:
    assert experiment.query(query) == answer


def test_the_tracker_has_them_still(run: Run, tracker: MemoryTracker) -> None:
    record = tracker.get_run(run.id)
    assert record.properties == {**OWN, "amlflow.agent": "first", "amlflow.agent.2": "second"}
    assert Documents({}).make(record)["properties"] == OWN
