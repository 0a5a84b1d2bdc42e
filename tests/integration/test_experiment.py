"""Experiment: names, start_logging, finding runs, tags, archiving, looks."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    ExperimentNotFoundException,
    ProjectSystemException,
    ServiceException,
    SnapshotException,
    UserErrorException,
)


def ids(runs: Any) -> list[str]:
    return [run.id for run in runs]


# names


@pytest.mark.parametrize("name", ["a", "7", "explore-runs", "A_b-C", "x" * 255])
def test_good_names(workspace: Workspace, name: str) -> None:
    assert Experiment(workspace, name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "_a",
        "a b",
        "a.b",
        "a/b",
        "ä",
        "🙂",
        "a'b",
        'a"b',
        "a=b",
        "x" * 256,
        "a\n",
        None,
        5,
    ],
)
def test_refused_names(workspace: Workspace, name: Any) -> None:
    before = {each.name for each in Experiment.list(workspace, view_type="All")}
    with pytest.raises(UserErrorException) as error:
        Experiment(workspace, name)
    assert repr(name)[:20] in error.value.message
    assert {each.name for each in Experiment.list(workspace, view_type="All")} == before


def test_a_workspace_is_needed() -> None:
    with pytest.raises(UserErrorException, match="Workspace, and got a str"):
        Experiment("ws", "name")  # type: ignore[arg-type]


def test_construction_creates_it_once(workspace: Workspace) -> None:
    first, second = Experiment(workspace, "one"), Experiment(workspace, "one")
    assert first == second
    assert hash(first) == hash(second)
    assert first.id == second.id
    assert first != Experiment(workspace, "two")
    assert first.workspace is workspace
    assert first.workspace_object is workspace
    assert first.archived_time is None


# start_logging


def test_start_logging_takes_v1s_arguments(experiment: Experiment) -> None:
    run = experiment.start_logging(
        name="old", run_id="my-run.1", outputs=False, snapshot_directory=None,
        display_name="new", description="*text*", tags={"a": 1, "b": None},
        properties={"p": 2},
    )  # fmt: skip
    assert (run.id, run.display_name, run.name) == ("my-run.1", "new", "new")
    assert run.description == "*text*"
    assert run.get_tags() == {"a": "1", "b": None}
    assert run.get_properties()["p"] == "2"
    assert run.get_status() == "Running"
    assert Run(experiment, "my-run.1") == run


def test_start_logging_by_position(experiment: Experiment) -> None:
    run = experiment.start_logging("named", "my-id", None, None)
    assert (run.display_name, run.id) == ("named", "my-id")
    assert "ContentSnapshotId" not in run.get_properties()


def test_start_logging_refuses_what_v1_refuses(experiment: Experiment) -> None:
    with pytest.raises(TypeError, match="snapshot_dir"):
        experiment.start_logging(snapshot_dir=None)
    with pytest.raises(TypeError):
        experiment.start_logging(1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert ids(experiment.get_runs()) == []


@pytest.mark.parametrize("run_id", ["", "-a", "a b", "a/b", "ä", "a'b", "x" * 257, 5])
def test_refused_run_ids(experiment: Experiment, run_id: Any) -> None:
    with pytest.raises(UserErrorException) as error:
        experiment.start_logging(run_id=run_id)
    assert repr(run_id)[:20] in error.value.message
    assert ids(experiment.get_runs()) == []


def test_a_run_id_is_unique_in_its_experiment(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging(run_id="mine", snapshot_directory=None)
    with pytest.raises(UserErrorException, match="'mine'"):
        experiment.start_logging(run_id="mine", snapshot_directory=None)
    with pytest.raises(UserErrorException, match="'mine'"):
        run.child_run(run_id="mine")
    assert ids(experiment.get_runs(include_children=True)) == ["mine"]
    other = Experiment(workspace, "other")
    assert other.start_logging(run_id="mine", snapshot_directory=None) != run
    assert Run(other, "mine") != run


def test_start_logging_takes_a_snapshot_of_the_folder(experiment: Experiment, folder: Path) -> None:
    (folder / "train.py").write_text("print(1)")
    first, second = experiment.start_logging(), experiment.start_logging()
    assert first.get_snapshot_id() == second.get_snapshot_id()
    assert first.get_properties()["ContentSnapshotId"] == first.get_snapshot_id()
    first.restore_snapshot(path=str(folder / "back"))
    assert (folder / "back" / "train.py").read_text() == "print(1)"


def test_a_snapshot_that_is_too_large_starts_no_run(
    experiment: Experiment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "1")
    for name in "ab":
        (folder / name).touch()
    with pytest.raises(SnapshotException, match="snapshot_directory=None"):
        experiment.start_logging()
    assert ids(experiment.get_runs()) == []
    experiment.start_logging(snapshot_directory="")
    assert len(ids(experiment.get_runs())) == 1


def test_git_is_noted_in_properties(
    experiment: Experiment, folder: Path, git_repository: str
) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    properties = run.get_properties()
    assert properties["azureml.git.commit"] == git_repository
    assert properties["mlflow.source.git.commit"] == git_repository
    assert properties["azureml.git.branch"] == "trunk"
    assert properties["azureml.git.dirty"] == "False"
    assert properties["azureml.git.repository_uri"] == "https://example.com/project.git"
    (folder / "train.py").write_text("changed")
    dirty = experiment.start_logging(snapshot_directory=None)
    assert dirty.get_properties()["azureml.git.dirty"] == "True"
    assert "azureml.git.commit" not in run.child_run().get_properties()


# finding runs


@pytest.fixture
def tagged(experiment: Experiment) -> Experiment:
    """Runs r0 to r3, the oldest first, and a child of r3."""
    for number, tags in enumerate(
        [{}, {"quality": "good"}, {"quality": "good", "look": None}, {"quality": "bad", "look": ""}]
    ):
        run = experiment.start_logging(
            run_id=f"r{number}", snapshot_directory=None, tags=tags,
            properties={"author": "ann"} if number % 2 else {},
        )  # fmt: skip
    run.child_run(run_id="child").complete()
    return experiment


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["r3", "r2", "r1", "r0"]),
        ({"include_children": True}, ["child", "r3", "r2", "r1", "r0"]),
        ({"tags": {"quality": "good"}}, ["r2", "r1"]),
        ({"tags": {"quality": "Good"}}, []),
        ({"tags": {"quality": None}}, ["r3", "r2", "r1"]),
        ({"tags": "look"}, ["r3", "r2"]),
        ({"tags": {"look": None}}, ["r3", "r2"]),
        ({"tags": {"look": ""}}, ["r3"]),
        ({"tags": {"quality": "good", "look": None}}, ["r2"]),
        ({"properties": {"author": "ann"}}, ["r3", "r1"]),
        ({"properties": "author"}, ["r3", "r1"]),
        ({"properties": {"author": "ann"}, "tags": {"quality": "good"}}, ["r1"]),
        ({"properties": {"author": "ann"}, "tags": "look"}, ["r3"]),
        ({"tags": "nobody has this"}, []),
        ({"type": "azureml.scriptrun"}, []),
    ],
)
def test_get_runs(tagged: Experiment, filters: dict[str, Any], found: list[str]) -> None:
    assert ids(tagged.get_runs(**filters)) == found
    assert ids(Run.list(tagged, **filters)) == found


def test_runs_by_status(tagged: Experiment) -> None:
    Run(tagged, "r1").complete()
    Run(tagged, "r2").fail()
    assert ids(Run.list(tagged, status="Completed")) == ["r1"]
    assert ids(Run.list(tagged, status="Completed", include_children=True)) == ["child", "r1"]
    assert ids(Run.list(tagged, status="Failed")) == ["r2"]
    assert ids(Run.list(tagged, status="Running")) == ["r3", "r0"]
    assert ids(Run.list(tagged, status="Canceled")) == []


def test_get_runs_is_a_lazy_generator(tagged: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tagged.get_runs()
    assert isinstance(runs, Generator)
    # The search begins with the first `next`, so a run that starts before it is found.
    tagged.start_logging(run_id="late", snapshot_directory=None)
    assert next(runs).id == "late"


def test_found_runs_need_no_call_of_their_own(
    tagged: Experiment, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a call per run")

    monkeypatch.setattr(type(workspace._tracker), "get_run", refuse)
    runs = list(tagged.get_runs(include_children=True))
    assert [run.status for run in runs] == ["Completed"] + ["Running"] * 4
    assert [run.tags.get("quality") for run in runs] == [None, "bad", "good", "good", None]
    assert runs[1].properties["author"] == "ann"


@pytest.mark.parametrize("wanted", [5, ["a"], {"a"}])
def test_filters_of_a_wrong_type(experiment: Experiment, wanted: Any) -> None:
    for field in ("tags", "properties"):
        with pytest.raises(UserErrorException, match=f"{field} is a dict.*{type(wanted).__name__}"):
            experiment.get_runs(**{field: wanted})


AWKWARD = [
    "it's", 'say "hi"', "both ' and \"", "100%", "a_b", "back\\slash", "ends in \\", "ends in '",
    "line\nbreak", "tab\t", "  spaces  ", "ünï", "🙂", "`", "a`b", "-- comment", "; DROP", "NULL",
    "[x]", "*", "?", "{}", "a=b", "'", '"', "\\", "%", "_", " ",
]  # fmt: skip


def test_awkward_values_are_found_exactly(experiment: Experiment) -> None:
    for number, text in enumerate(AWKWARD):
        experiment.start_logging(
            run_id=f"r{number}", snapshot_directory=None, tags={"t": text, text: "key"},
            properties={"p": text, text: "key"},
        )  # fmt: skip
    for number, text in enumerate(AWKWARD):
        for filters in (
            {"tags": {"t": text}}, {"properties": {"p": text}}, {"tags": text},
            {"properties": text}, {"tags": {text: "key"}}, {"properties": {text: "key"}},
        ):  # fmt: skip
            assert ids(experiment.get_runs(**filters)) == [f"r{number}"], (text, filters)
    run = Run(experiment, "r0")
    assert run.get_tags() == {"t": "it's", "it's": "key"}


def test_list_by_compute(tagged: Experiment, workspace: Workspace) -> None:
    assert ids(Run.list_by_compute(workspace.compute_targets["local"])) == []


# tags


def test_tags_of_an_experiment(experiment: Experiment, workspace: Workspace) -> None:
    experiment.tag("team")
    experiment.tag("stage", "trial")
    experiment.set_tags({"size": 5, "empty": "", "stage": "final"})
    expected = {"team": None, "stage": "final", "size": "5", "empty": ""}
    assert experiment.tags == expected
    again = Experiment(workspace, "explore")
    assert again.tags == expected
    experiment.remove_tags(["size", "empty", "never there"])
    assert experiment.tags == {"team": None, "stage": "final"}
    assert again.tags == expected
    again.refresh()
    assert again.tags == experiment.tags


def test_tags_of_experiments_are_filters(workspace: Workspace) -> None:
    Experiment(workspace, "one").set_tags({"a": "x", "b": None})
    Experiment(workspace, "two").set_tags({"a": "y"})

    def found(**filters: Any) -> list[str]:
        return [each.name for each in Experiment.list(workspace, **filters)]

    assert found(tags="b") == ["one"]
    assert found(tags={"a": "y"}) == ["two"]
    assert sorted(found(tags="a")) == ["one", "two"]
    assert found(tags={"a": "x", "b": None}) == ["one"]
    assert found(experiment_name="two") == ["two"]
    assert found(experiment_name="three") == []


# archiving and deleting


def test_archive_and_reactivate(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging(run_id="mine", snapshot_directory=None)
    experiment.archive()
    assert experiment.archived_time is not None

    def listed(view: str) -> bool:
        return experiment in Experiment.list(workspace, view_type=view)

    assert (listed("ActiveOnly"), listed("ArchivedOnly"), listed("All")) == (False, True, True)
    again = Experiment(workspace, "explore")
    assert (again, again.archived_time is None) == (experiment, False)
    with pytest.raises(UserErrorException, match=r"'explore' is archived.*reactivate"):
        again.start_logging(snapshot_directory=None)
    assert ids(again.get_runs()) == ["mine"]
    assert Run(again, "mine") == run
    with pytest.raises(UserErrorException, match="'other'"):
        again.reactivate(new_name="other")
    again.reactivate()
    assert again.archived_time is None
    experiment.refresh()
    assert experiment.archived_time is None
    assert ids(again.get_runs()) == ["mine"]
    run.complete()
    assert listed("ActiveOnly")


def test_list_refuses_an_unknown_view(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match="'Some'"):
        Experiment.list(workspace, view_type="Some")


def test_delete_removes_an_empty_experiment_and_refuses_one_with_runs(
    experiment: Experiment, workspace: Workspace
) -> None:
    empty = Experiment(workspace, "empty")
    Experiment.delete(workspace, empty.id)
    assert "empty" not in [each.name for each in Experiment.list(workspace, view_type="ActiveOnly")]
    assert [each for each in Experiment.list(workspace, view_type="All") if each == empty] == []
    fresh = Experiment(workspace, "empty")
    assert fresh.archived_time is None
    assert fresh.id != empty.id
    run = experiment.start_logging(snapshot_directory=None)
    with pytest.raises(UserErrorException, match="'explore' has runs"):
        Experiment.delete(workspace, experiment.id)
    experiment.archive()
    with pytest.raises(UserErrorException, match="'explore' has runs"):
        Experiment.delete(workspace, experiment.id)
    assert ids(experiment.get_runs()) == [run.id]
    with pytest.raises((ServiceException, ExperimentNotFoundException), match="'987654'"):
        Experiment.delete(workspace, "987654")


def test_from_directory_needs_an_attached_folder(workspace: Workspace, folder: Path) -> None:
    with pytest.raises(ProjectSystemException, match="not attached"):
        Experiment.from_directory(str(folder))


# looks


def test_an_experiment_is_shown_as_v1_shows_it(
    experiment: Experiment, workspace: Workspace
) -> None:
    text = f"Experiment(Name: explore,\nWorkspace: {workspace.name})"
    assert str(experiment) == repr(experiment) == text
    assert experiment.portal_url == experiment.get_portal_url()
    assert experiment.id in experiment.get_portal_url()
    assert Experiment.get_docs_url().startswith("https://")
    html = experiment._repr_html_()
    for head in ("Name", "Workspace", "Report Page", "Docs Page"):
        assert f"<th>{head}</th>" in html
    assert f'href="{experiment.get_portal_url()}"' in html


# experiments that another client has made


@pytest.mark.parametrize("name", ["My Team/Experiment 1.0", " ", "ü", "x" * 256, "Default"])
def test_an_experiment_that_mlflow_has_is_opened_by_any_name(
    workspace: Workspace, store: str, name: str
) -> None:
    client = mlflow.MlflowClient(store)
    if name != "Default":
        with pytest.raises(UserErrorException, match="not a name for an experiment"):
            Experiment(workspace, name)
        assert client.get_experiment_by_name(name) is None
        client.create_experiment(name)
    opened = Experiment(workspace, name)
    assert (opened.name, opened.id) == (name, client.get_experiment_by_name(name).experiment_id)
    run = opened.start_logging(snapshot_directory=None)
    assert [each.id for each in Experiment(workspace, name).get_runs()] == [run.id]


@pytest.mark.parametrize("name", [None, 5, "", ["a"], b"a"])
def test_what_is_not_a_name_is_refused_without_a_look(name: Any, folder: Path) -> None:
    with pytest.raises(UserErrorException, match="not a name for an experiment"):
        Experiment(Workspace("s", "g", "w"), name)
    assert list(folder.iterdir()) == []


def test_workspace_and_name_in_the_wrong_order(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match=r"Experiment\(workspace, name\)"):
        Experiment("name", workspace)  # type: ignore[arg-type]
