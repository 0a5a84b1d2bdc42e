"""What queries return from a real store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from unittest.mock import MagicMock

import pytest
from amlflow.cli import main
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from amlflow.query.expression import QueryError
from amlflow.spec import RunDraft, RunQuery
from amlflow_mlflow.run_numbers import FEW, Numbers
from amlflow_mlflow.spelling import TYPE
from amlflow_mlflow.tracker import MlflowTracker
from mlflow import MlflowClient

# the SDK


@pytest.fixture
def three(experiment: Experiment) -> list[Run]:
    runs = [experiment.start_logging(snapshot_directory=None) for _ in range(3)]
    runs[0].tag("quality", "fantastic run")
    runs[2].tag("quality", "fantastic run")
    runs[2].child_run().tag("quality", "fantastic run")
    return runs


def test_a_filter_returns_runs(experiment: Experiment, three: list[Run]) -> None:
    found = experiment.query("[?tags.quality == 'fantastic run']")
    assert found == [three[2], three[0]]
    assert all(type(run) is Run for run in found)
    found[0].tag("seen")
    assert three[2].get_tags()["seen"] is None


def test_an_index_returns_a_run_and_a_projection_values(
    experiment: Experiment, three: list[Run]
) -> None:
    assert experiment.query("[0]") == three[2]
    assert experiment.query("sort_by(@, &created_utc)") == three
    assert experiment.query("[?tags.quality].tags.quality") == ["fantastic run"] * 2
    assert experiment.query("[?tags.none]") == []
    assert experiment.query("[0].run_number") == 3
    assert experiment.query("{first: [0]}")["first"]["run_number"] == 3


def test_a_note_that_does_not_parse_counts_as_absent_when_runs_are_sorted(
    store: str, experiment: Experiment, three: list[Run]
) -> None:
    for run, run_type in zip(three, ("x" * 1000, "train", "train"), strict=True):
        MlflowClient(store).set_tag(run._record.id, TYPE, run_type)
    assert experiment.query("sort_by([?run_type], &created_utc)[0].run_id") == three[1].id
    assert experiment.query("sort_by([?run_type], &created_utc)[:2].run_id") == [
        three[1].id,
        three[2].id,
    ]


def test_children_when_asked_for(experiment: Experiment, three: list[Run]) -> None:
    text = "[?tags.quality] | length(@)"
    assert experiment.query(text) == 2
    assert experiment.query(text, include_children=True) == 3


def test_all_experiments(workspace: Workspace, three: list[Run]) -> None:
    other = Experiment(workspace, "other").start_logging(snapshot_directory=None)
    Experiment(workspace, "gone").start_logging(snapshot_directory=None).experiment.archive()
    assert workspace.query("[0]") == other
    assert workspace.query("[0]").experiment.name == "other"
    assert workspace.query("length(@)") == 4
    assert workspace.query("[?_experiment_name == 'explore'] | length(@)") == 3
    assert workspace.query("[?_experiment_name != 'explore'].run_id") == [other.id]
    assert workspace.query(f"[?experiment_id == '{other.experiment.id}']") == [other]


def test_params_that_mlflow_users_logged(experiment: Experiment, store: str) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.add_properties({"author": "me"})
    client = MlflowClient(store)
    client.log_param(run.id, "lr", 0.1)
    client.log_param(run.id, "model/depth", 3)
    other = experiment.start_logging(snapshot_directory=None)
    document = experiment.query(f"[?run_id=='{run.id}'] | [0].{{all: @}}")["all"]
    assert document["params"] == {"lr": "0.1", "model/depth": "3"}
    assert document["properties"]["author"] == "me"
    assert experiment.query("[?params.lr=='0.1']") == [run]
    assert experiment.query("[?params.\"model/depth\" && starts_with(params.lr, '0')]") == [run]
    assert experiment.query("[?!(params.lr)]") == [other]
    assert experiment.query("[].params.author") == []
    assert main(["run", "show", "-r", run.id, "--query", "params.lr=='0.1'"]) == 0
    assert "lr" not in run.get_details()["properties"]


def test_the_sdk_raises_what_is_wrong_with_a_query(
    experiment: Experiment, three: list[Run]
) -> None:
    with pytest.raises(QueryError, match="\\^") as caught:
        experiment.query("[?tags.quality ==]")
    assert caught.value.offset == 17
    with pytest.raises(UserErrorException, match=r"lacks it"):
        experiment.query("[?starts_with(tags.quality, 'f')]")
    with pytest.raises(UserErrorException, match="no_such"):
        experiment.query("[?no_such(@)]")


# numbers over REST


def test_numbers_by_halving_are_those_of_the_database(
    store: str, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = MlflowTracker(store)
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    tracker.create_runs(
        [
            # Every third was made in the same millisecond as the one before.
            RunDraft(
                experiment_id=experiment.id,
                created=start + timedelta(seconds=place - (place % 3 == 2)),
            )
            for place in range(2 * FEW + 9)
        ]
    )
    found = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
    expected = list(range(len(found), 0, -1))
    in_order = sorted(found, key=lambda run: (run.created, run.id), reverse=True)
    numbers = Numbers(tracker._store)
    assert numbers.of(in_order) == expected
    for place in (0, 3, FEW, 2 * FEW):
        run = in_order[place]
        alone = numbers._of(experiment.id, [(int(run.created.timestamp() * 1000), run.id)])
        assert alone == {run.id: expected[place]}

    scattered = {run.id: number for run, number in zip(in_order[::40], expected[::40], strict=True)}
    positions = sorted((int(run.created.timestamp() * 1000), run.id) for run in in_order[::40])
    assert numbers._of(experiment.id, positions) == scattered
    search = MagicMock(side_effect=tracker._store.search_runs)
    monkeypatch.setattr(tracker._store, "search_runs", search)
    assert numbers._of(experiment.id, positions) == scattered
    assert search.call_count == 1  # each number was noted when it had been counted
