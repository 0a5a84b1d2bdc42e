"""Child runs: created one by one or many at once, and found again. Each has its own state."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.exceptions import UserErrorException
from helpers.removal import enter_deleted_folder


def ids(runs: Any) -> list[str]:
    return [run.id for run in runs]


def test_child_run_starts_at_once(run: Run, store: str) -> None:
    child = run.child_run(name="fold 1", run_id="mine")
    assert (child.id, child.display_name, child.get_status()) == ("mine", "fold 1", "Running")
    assert child.parent == run
    assert child.parent.id == run.id
    assert child.experiment == run.experiment
    assert run.child_run().child_run().parent.parent == run
    tags = mlflow.MlflowClient(store).get_run(child._record.id).data.tags
    assert tags["mlflow.parentRunId"] == run.id


def test_the_guides_root_run(run: Run) -> None:
    def root_run(self: Run) -> Run:
        return self if self.parent is None else root_run(self.parent)

    assert root_run(run.child_run().child_run()) == run


def test_create_children_by_count(run: Run) -> None:
    children = run.create_children(3)
    assert [child.tags for child in children] == [
        {"azureml.batch_child_number": str(number)} for number in range(3)
    ]
    assert [child.status for child in children] == ["NotStarted"] * 3
    assert [child.parent for child in children] == [run] * 3
    assert list(reversed(ids(run.get_children()))) == ids(children)
    assert "startTimeUtc" not in children[0].get_details()
    children[0].start()
    assert children[0].get_status() == "Running"
    assert "startTimeUtc" in children[0].get_details()
    children[0].complete()
    assert [child.get_status() for child in children] == ["Completed", "NotStarted", "NotStarted"]


def test_create_children_by_tag_values(run: Run) -> None:
    children = run.create_children(tag_key="fold", tag_values=["a", "", None, 5])
    assert [child.get_tags() for child in children] == [
        {"fold": "a"}, {"fold": ""}, {"fold": None}, {"fold": "5"},
    ]  # fmt: skip
    with children[1] as child:
        child.log("m", 1)
    assert children[1].get_status() == "Completed"


def test_create_100_children_and_none(run: Run) -> None:
    children = run.create_children(count=100)
    assert len(set(ids(children))) == 100
    assert ids(run.get_children()) == ids(reversed(children))
    assert run.create_children(0) == []
    assert run.create_children(tag_key="k", tag_values=[]) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"tag_key": "k"}, {"tag_values": ["a"]},
        {"count": 2, "tag_key": "k", "tag_values": ["a"]}, {"count": 2, "tag_values": ["a"]},
        {"count": 101}, {"tag_key": "k", "tag_values": list(range(101))},
        {"count": -1}, {"count": "3"}, {"count": 1.5},
        {"tag_key": "", "tag_values": ["a"]}, {"tag_key": "k", "tag_values": ["x" * 9000]},
        {"tag_key": "k", "tag_values": ["good"] * 5 + ["x" * 9000]},
    ],
    ids=lambda arguments: str(arguments)[:40],
)  # fmt: skip
def test_refused_children(run: Run, arguments: dict[str, Any]) -> None:
    with pytest.raises(UserErrorException):
        run.create_children(**arguments)
    assert ids(run.get_children()) == []


@pytest.fixture
def family(experiment: Experiment) -> Run:
    """top → a, b, c; a → a1 → a2. A second top has a child, too."""
    top = experiment.start_logging(run_id="top", snapshot_directory=None)
    a, b, c = (top.child_run(run_id=name) for name in "abc")
    a1 = a.child_run(run_id="a1")
    a2 = a1.child_run(run_id="a2")
    for each in (a, a2):
        each.tag("quality", "good")
    b.tag("quality")
    c.add_properties({"author": "ann"})
    a2.add_properties({"author": "ann"})
    a2.complete()
    c.fail()
    experiment.start_logging(run_id="other", snapshot_directory=None).child_run(run_id="others")
    return top


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["c", "b", "a"]),
        ({"recursive": True}, ["a2", "a1", "c", "b", "a"]),
        ({"tags": "quality"}, ["b", "a"]),
        ({"tags": {"quality": "good"}, "recursive": True}, ["a2", "a"]),
        ({"properties": {"author": "ann"}}, ["c"]),
        ({"properties": "author", "recursive": True}, ["a2", "c"]),
        ({"status": "Running"}, ["b", "a"]),
        ({"status": "Completed", "recursive": True}, ["a2"]),
        ({"status": "Failed", "properties": "author"}, ["c"]),
        ({"type": "azureml.scriptrun"}, []),
        ({"_rehydrate_runs": False}, ["c", "b", "a"]),
    ],
)
def test_get_children(family: Run, filters: dict[str, Any], found: list[str]) -> None:
    assert ids(family.get_children(**filters)) == found


def test_children_of_children(family: Run, experiment: Experiment) -> None:
    a = Run(experiment, "a")
    assert ids(a.get_children()) == ["a1"]
    assert ids(a.get_children(recursive=True)) == ["a2", "a1"]
    assert ids(Run(experiment, "a2").get_children(recursive=True)) == []
    assert [run.parent.id for run in family.get_children(recursive=True)] == [
        "a1", "a", "top", "top", "top",
    ]  # fmt: skip


def test_get_children_is_a_lazy_generator(family: Run) -> None:
    for recursive in (False, True):
        children = family.get_children(recursive=recursive)
        assert isinstance(children, Generator)
        late = family.child_run()
        assert next(children) == late


def test_filters_of_a_wrong_type_are_refused_at_the_call(family: Run) -> None:
    with pytest.raises(UserErrorException, match="tags is a dict"):
        family.get_children(tags=5)


def test_the_state_of_each_is_its_own(run: Run) -> None:
    child = run.child_run()
    run.complete()
    assert child.get_status() == "Running"
    child.cancel()
    assert (run.get_status(), child.get_status()) == ("Completed", "Canceled")


def test_runs_that_mlflows_client_nested(run: Run, store: str) -> None:
    client = mlflow.MlflowClient(store)
    nested = client.create_run(run.experiment.id, tags={"mlflow.parentRunId": run.id})
    below = client.create_run(run.experiment.id, tags={"mlflow.parentRunId": nested.info.run_id})
    assert ids(run.get_children()) == [nested.info.run_id]
    assert set(ids(run.get_children(recursive=True))) == {nested.info.run_id, below.info.run_id}
    [child] = run.get_children()
    assert child.parent == run


@pytest.mark.parametrize("root", ["other", "x" * 32])
@pytest.mark.parametrize("damaged", ["top", "a", "a1", "b"])
def test_a_wrong_root_hides_no_run_below(
    family: Run, experiment: Experiment, store: str, damaged: str, root: str
) -> None:
    """The parents are the truth. Whoever may edit a run can change its root to any text."""
    if root == "other":
        root = Run(experiment, "other")._record.id
    client = mlflow.MlflowClient(store)
    client.set_tag(Run(experiment, damaged)._record.id, "amlflow.root", root)
    # A child that starts now takes over the root of its parent.
    late = Run(experiment, damaged).child_run(run_id="late")
    top = Run(experiment, "top")
    assert set(ids(top.get_children(recursive=True))) == {"a2", "a1", "c", "b", "a", "late"}
    below = {"a": {"a1", "a2"}, "a1": {"a2"}, "b": set()}.get(damaged)
    if below is not None:
        assert set(ids(late.parent.get_children(recursive=True))) == {*below, "late"}
    other = Run(experiment, "other")
    assert ids(other.get_children(recursive=True)) == ["others"]


@pytest.mark.parametrize("root", ["other", "x" * 32])
def test_a_wrong_root_of_a_run_without_children_does_not_hide_it(
    family: Run, experiment: Experiment, store: str, root: str
) -> None:
    if root == "other":
        root = Run(experiment, "other")._record.id
    client = mlflow.MlflowClient(store)
    client.set_tag(Run(experiment, "a2")._record.id, "amlflow.root", root)
    top = Run(experiment, "top")
    assert set(ids(top.get_children(recursive=True))) == {"a2", "a1", "c", "b", "a"}
    assert set(ids(Run(experiment, "a").get_children(recursive=True))) == {"a2", "a1"}
    assert ids(Run(experiment, "other").get_children(recursive=True)) == ["others"]


def test_a_parent_in_another_experiment(run: Run, store: str) -> None:
    client = mlflow.MlflowClient(store)
    other = client.create_experiment("elsewhere")
    nested = client.create_run(other, tags={"mlflow.parentRunId": run.id})
    child = run.experiment.workspace.get_run(nested.info.run_id)
    assert child.parent == run
    assert child.parent.experiment == run.experiment


def test_mlflow_run_context_nests_below_ours(run: Run, store: str) -> None:
    with mlflow.start_run(run_id=run.id, log_system_metrics=False):
        mlflow.log_metric("from mlflow", 1)
        with mlflow.start_run(nested=True, experiment_id=run.experiment.id) as nested:
            pass
    assert ids(run.get_children()) == [nested.info.run_id]
    assert run.get_metrics() == {"from mlflow": 1.0}
    assert run.get_status() == "Completed"


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that a process is in")
def test_a_working_folder_that_is_deleted_while_a_run_logs(
    experiment: Experiment, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_deleted_folder(folder, monkeypatch)
    child = run.child_run("fold-0")
    child.log("loss", 1)
    child.complete()
    run.complete()
    assert (child.get_status(), child.get_metrics()) == ("Completed", {"loss": 1})
    for snapshot in (".", None):
        with pytest.raises(UserErrorException, match="The working folder was deleted"):
            experiment.start_logging(snapshot_directory=snapshot)
    assert [each.id for each in experiment.get_runs()] == [run.id]
