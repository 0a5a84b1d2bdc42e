"""A run whose requested id was changed past amlflow to the id of another run: one id, one run."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.plugins import open_tracker
from amlflow.spec import Condition, Op, RunQuery
from amlflow_mlflow.spelling import ALIAS
from helpers.hostile_reads import BASE, open_page, run_command
from mlflow import MlflowClient

STORES = ("sqlite_uri", "postgres_uri", "server_uri", "trackio_uri")


def set_alias(uri: str, run_id: str, alias: str) -> None:
    """Write it as somebody would who may edit the run."""
    if not uri.startswith("trackio"):
        MlflowClient(uri).set_tag(run_id, ALIAS, alias)
        return
    path = f"{uri.removeprefix('trackio://')}/amlflow/runs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE runs SET alias = ? WHERE id = ?", (alias, run_id))


@pytest.fixture(params=STORES)
def uri(request: pytest.FixtureRequest, folder: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tracker's URI."""
    uri: str = request.getfixturevalue(request.param)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    return uri


@pytest.fixture
def pair(uri: str) -> tuple[Run, Run]:
    """A run, and one in another experiment that says it is the first."""
    names = [f"ids-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    workspace = Workspace.from_config()
    victim, liar = (
        Experiment(workspace, name).start_logging(
            snapshot_directory=None, outputs=False, display_name="same"
        )
        for name in names
    )
    set_alias(uri, liar.id, victim.id)
    return victim, liar


@pytest.mark.parametrize("same_experiment", [False, True])
def test_an_alias_that_is_another_runs_id_counts_as_absent(
    uri: str, pair: tuple[Run, Run], same_experiment: bool
) -> None:
    victim, liar = pair
    if same_experiment:
        second = victim.experiment.start_logging(snapshot_directory=None, outputs=False)
        set_alias(uri, second.id, victim.id)
        liar = second
    both = {victim.id, liar.id}
    assert Run.get(victim.experiment.workspace, liar.id).id == liar.id
    assert Run.get(victim.experiment.workspace, victim.id).id == victim.id
    found = {run.id for each in (victim, liar) for run in each.experiment.get_runs()}
    assert both <= found
    for query in ("[].run_id", "[].{id: run_id}", "[?name].run_id", "[].[run_id, run_type]"):
        text = json.dumps(liar.experiment.query(query))
        assert [text.count(run_id) for run_id in sorted(both)] == [
            int(run_id == liar.id or same_experiment) for run_id in sorted(both)
        ], query
    tracker = open_tracker(uri)
    for condition in (Condition("alias", Op.NE, victim.id), Condition("alias", Op.LACKS)):
        query = RunQuery(experiment_ids=None, conditions=[condition])
        assert both <= {run.id for run in tracker.find_runs(query)}, condition
    for condition in (Condition("alias", Op.HAS), Condition("alias", Op.CONTAINS, victim.id[1:])):
        query = RunQuery(experiment_ids=None, conditions=[condition])
        assert not both & {run.id for run in tracker.find_runs(query)}, condition
    by_id = f"[?run_id == '{victim.id}']"
    assert len(victim.experiment.query(by_id)) == 1
    if not same_experiment:
        assert liar.experiment.query(by_id) == []
        assert liar.experiment.query(f"length({by_id})") == 0
        assert liar.experiment.query(f"{by_id}.name") == []
        with pytest.raises(AzureMLException):
            Run(liar.experiment, victim.id)


def test_a_command_shows_each_run_by_its_own_id(pair: tuple[Run, Run]) -> None:
    for run in pair:
        code, out, _ = run_command("run", "list", "-e", run.experiment.name)
        assert code == 0
        assert [each["run_id"] for each in json.loads(out)] == [run.id]


def test_no_run_can_ask_for_the_id_of_another(pair: tuple[Run, Run]) -> None:
    victim, liar = pair
    with pytest.raises(AzureMLException, match=f"There is a run '{victim.id}' already"):
        liar.child_run(run_id=victim.id)
    chosen = uuid.uuid4().hex
    assert liar.child_run(run_id=chosen).id == chosen
    [child] = liar.get_children()
    assert child.id == chosen


@pytest.mark.parametrize("uri", ["sqlite_uri"], indirect=True)
def test_the_page_shows_each_run_by_its_own_id(
    uri: str, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_page(uri.removeprefix("sqlite:///"), monkeypatch) as page:
        rows = page.post(f"{BASE}/runs/search", json={}).get_json()["rows"]
        assert sorted(row["id"] for row in rows) == sorted(run.id for run in pair)
        assert json.dumps(rows).count(pair[0].id) == json.dumps(rows).count(pair[1].id)
        details = page.get(f"{BASE}/runs/details", query_string={"run_id": pair[1].id})
        assert pair[0].id not in details.get_data(as_text=True)
