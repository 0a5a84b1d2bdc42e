"""Tags, properties, names and representation of a run, and how runs are found again."""

from __future__ import annotations

import functools
import re
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs import starting
from amlflow.core.runs.run import Run, get_run
from amlflow.core.runs.starting import draft_run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, ServiceException, UserErrorException
from amlflow.spec import PropertyConflict

# tags


def test_tags_in_all_of_v1s_shapes(run: Run) -> None:
    run.tag("worth another look")
    run.tag("quality", "great run")
    run.tag("quality", "fantastic run")
    run.set_tags({"none": None, "empty": "", "int": 5, "float": 1.5, "bool": True, "list": [1]})
    expected = {
        "worth another look": None, "quality": "fantastic run", "none": None, "empty": "",
        "int": "5", "float": "1.5", "bool": "True", "list": "[1]",
    }  # fmt: skip
    assert run.get_tags() == expected
    assert run.tags == expected
    run.remove_tags(["none", "quality", "never there"])
    run.remove_tags([])
    assert run.get_tags() == {
        key: value for key, value in expected.items() if key not in ("none", "quality")
    }
    run.set_tags({})
    run.tag("empty", None)
    assert run.get_tags()["empty"] is None


def test_what_another_thread_changes_while_the_run_is_asked_for_stays(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, answered, go = run._tracker, threading.Event(), threading.Event()
    ask = tracker.get_run

    def slowly(*arguments: Any) -> Any:
        record = ask(*arguments)
        answered.set()
        go.wait(60)
        return record

    with monkeypatch.context() as patch:
        patch.setattr(tracker, "get_run", slowly)
        asking = threading.Thread(target=run.get_tags)
        asking.start()
        answered.wait(60)
        run.tag("a", "b")
        run.description = "changed"
        run.display_name = "renamed"
        go.set()
        asking.join(60)
    assert (run.tags, run.description, run.name) == ({"a": "b"}, "changed", "renamed")
    run.remove_tags("a")
    assert run.tags == {}


def test_what_many_threads_change_at_once_is_in_the_record(
    run: Run, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(functools.partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    threads = [
        threading.Thread(target=run.set_tags, args=({"shared": str(own), f"own {own}": None},))
        for own in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(run.tags) == 17
    assert len(run.get_tags()) == 17


AWKWARD = [
    "it's", 'say "hi"', "a=b", "🙂", "ünï", "日本", "a/b", "a//b", "../up", "/root", ".", "..",
    "a:b",
    "a:u41:b", ":u:", "mlflow.runName", "mlflow.parentRunId", "amlflow.root", "property.x", " ",
    " lead", "trail ", "back\\slash", "new\nline", "tab\t", "%", "`", "{}", "a,b", "\u200b",
]  # fmt: skip


def test_awkward_keys_and_values_come_back(run: Run) -> None:
    pairs = {text: text for text in AWKWARD}
    run.set_tags(pairs)
    assert run.get_tags() == pairs
    run.add_properties(pairs)
    assert {key: run.get_properties()[key] for key in pairs} == pairs
    run.remove_tags(AWKWARD)
    assert run.get_tags() == {}
    assert run.parent is None


def test_tags_as_last_known_and_as_they_are(run: Run, experiment: Experiment) -> None:
    other = Run(experiment, run.id)
    other.tag("a", "b")
    assert run.tags == {}
    assert run.get_tags() == {"a": "b"}
    assert run.tags == {"a": "b"}
    run.tags["c"] = "not stored"
    assert run.get_tags() == {"a": "b"}


def test_tags_of_mlflows_own_client_and_the_other_way_round(run: Run, store: str) -> None:
    client = mlflow.MlflowClient(store)
    client.set_tag(run.id, "from page", "yes")
    client.set_tag(run.id, "empty", "")
    client.set_tag(run.id, "mlflow.note.content", "described")
    assert run.get_tags() == {"from page": "yes", "empty": None}
    assert run.description == "described"
    run.tag("ours", "1")
    run.tag("bare")
    run.remove_tags(["from page"])
    tags = client.get_run(run.id).data.tags
    shown = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
    assert shown == {"ours": "1", "bare": "", "empty": ""}


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda run: run.set_tags(["a"]), "list"),
        (lambda run: run.set_tags("a"), "str"),
        (lambda run: run.set_tags({"": "x"}), "''"),
        (lambda run: run.set_tags({5: "x"}), "5"),
        (lambda run: run.tag(""), "''"),
        (lambda run: run.add_properties({5: "x"}), "5"),
        (lambda run: run.add_properties([("a", "b")]), "list"),
    ],
)
def test_wrong_shapes_name_what_they_got(run: Run, call: Any, named: str) -> None:
    with pytest.raises(UserErrorException) as error:
        call(run)
    assert named in error.value.message
    assert run.get_tags() == {}


# properties


def test_properties_are_added_and_stay(run: Run) -> None:
    run.add_properties({"author": "azureml-user", "number": 5, "none": None, "empty": ""})
    run.add_properties({"author": "azureml-user"})
    run.add_properties({"author": "azureml-user", "more": "x"})
    run.add_properties({})
    expected = {"author": "azureml-user", "number": "5", "none": "", "empty": "", "more": "x"}
    assert run.get_properties() == expected
    assert run.properties == expected


def test_a_changed_property_is_refused_with_all_of_its_call(run: Run) -> None:
    run.add_properties({"author": "azureml-user"})
    with pytest.raises(UserErrorException) as error:
        run.add_properties({"a new one": "1", "author": "different-user", "z": "2"})
    for named in ("'author'", "'azureml-user'", "'different-user'"):
        assert named in error.value.message
    assert isinstance(error.value, PropertyConflict)
    assert run.get_properties() == {"author": "azureml-user"}


def test_properties_are_params_in_mlflow(run: Run, store: str) -> None:
    run.add_properties({"author": "ann"})
    client = mlflow.MlflowClient(store)
    assert client.get_run(run.id).data.params == {"property.author": "ann"}
    client.log_param(run.id, "learning_rate", 0.1)
    assert run.get_properties() == {"author": "ann"}


# names


def test_display_name_and_description(run: Run, experiment: Experiment, store: str) -> None:
    assert run.display_name
    assert run.description is None
    run.display_name = "A new name 🙂"
    run.description = "**bold**"
    again = Run(experiment, run.id)
    for each in (run, again):
        assert each.display_name == each.name == "A new name 🙂"
        assert each.description == "**bold**"
    data = mlflow.MlflowClient(store).get_run(run.id)
    assert data.info.run_name == "A new name 🙂"
    assert data.data.tags["mlflow.note.content"] == "**bold**"
    run.description = None
    assert not Run(experiment, run.id).description


def test_a_new_run_has_an_id_and_neither_type_nor_parent(run: Run, experiment: Experiment) -> None:
    assert re.fullmatch("[0-9a-f]{32}", run.id)
    assert run.experiment is experiment
    assert run.type is None
    assert run.parent is None


def test_number_counts_from_1_in_the_experiment(
    experiment: Experiment, workspace: Workspace
) -> None:
    runs = [experiment.start_logging(snapshot_directory=None) for _ in range(3)]
    child = runs[0].child_run()
    assert [run.number for run in (runs[2], runs[0], child, runs[1])] == [3, 1, 4, 2]
    late = experiment.start_logging(snapshot_directory=None)
    assert late.number == 5
    assert Experiment(workspace, "other").start_logging(snapshot_directory=None).number == 1


def test_numbers_stay_right_with_notes_and_late_runs(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that another process dated earlier and sent later moves those behind it."""
    now = datetime.now(timezone.utc)

    def made(minutes: float) -> Run:
        monkeypatch.setattr(starting, "_now", lambda: now - timedelta(minutes=minutes))
        return experiment.start_logging(snapshot_directory=None)

    old, young = made(60), made(0.1)
    assert (old.number, young.number) == (1, 2)
    late = made(0.2)
    assert (old.number, late.number, young.number) == (1, 2, 3)
    assert [run.number for run in (made(0), young)] == [4, 3]


# finding one


def test_run_get_run_and_friends(run: Run, experiment: Experiment, workspace: Workspace) -> None:
    for found in (
        Run(experiment, run.id), Run(experiment=experiment, run_id=run.id, outputs=None),
        Run.get(workspace, run.id), get_run(experiment, run.id), workspace.get_run(run.id),
        get_run(experiment, run.id, rehydrate=False, clean_up=False),
    ):  # fmt: skip
        assert found == run
        assert hash(found) == hash(run)
        assert found.experiment == experiment
    assert run != experiment.start_logging(snapshot_directory=None)
    assert run != run.id


def test_an_own_id_and_the_trackers_both_find_the_run(experiment: Experiment) -> None:
    run = experiment.start_logging(run_id="mine", snapshot_directory=None)
    trackers = run.get_portal_url().rpartition("/")[2]
    assert re.fullmatch("[0-9a-f]{32}", trackers)
    assert Run(experiment, trackers) == Run(experiment, "mine") == run
    assert Run(experiment, trackers).id == "mine"
    assert run.get_details()["runId"] == "mine"


@pytest.mark.parametrize("missing", ["0" * 32, "nobody", "it's", "a b", "x" * 5000])
def test_a_run_that_does_not_exist(
    experiment: Experiment, workspace: Workspace, missing: str
) -> None:
    for find in (
        lambda: Run(experiment, missing),
        lambda: get_run(experiment, missing),
        lambda: Run.get(workspace, missing),
    ):
        with pytest.raises(ServiceException) as error:
            find()
        assert isinstance(error.value, AzureMLException)
        assert missing in error.value.message
        assert error.value.status_code == 404


def test_a_run_of_another_experiment_is_not_found(run: Run, workspace: Workspace) -> None:
    with pytest.raises(ServiceException, match=run.id):
        Run(Experiment(workspace, "other"), run.id)


@pytest.mark.parametrize("run_id", ["", None, 5])
def test_a_run_id_is_a_text(experiment: Experiment, run_id: Any) -> None:
    with pytest.raises(UserErrorException, match=repr(run_id)):
        Run(experiment, run_id)


# looks


def test_a_run_is_shown_as_v1_shows_it(run: Run) -> None:
    text = f"Run(Experiment: explore,\nId: {run.id},\nType: None,\nStatus: Running)"
    assert str(run) == repr(run) == text
    html = run._repr_html_()
    for head in ("Experiment", "Id", "Type", "Status", "Details Page", "Docs Page"):
        assert f"<th>{head}</th>" in html
    assert html.count("<a ") >= 2
    assert run.portal_url == run.get_portal_url()
    assert f'href="{run.get_portal_url()}"' in html
    assert Run.get_docs_url() in html
    assert run.id in html


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.clean(),
        lambda run: run.get_secret("password"),
        lambda run: run.get_secrets(["password"]),
    ],
)
def test_what_only_azure_has_says_what_to_do_instead(run: Run, call: Any) -> None:
    with pytest.raises(UserErrorException):
        call(run)


def test_type_providers_make_runs_of_a_type(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Special(Run):
        pass

    def factory(experiment: Experiment, record: Any) -> Run:
        run = Special.__new__(Special)
        run._init(experiment, record, ())
        return run

    monkeypatch.setattr(Run, "_types", {})
    Run.add_type_provider("special", factory)
    draft = draft_run(experiment, type="special")
    experiment._tracker.create_runs([draft])
    [found] = experiment.get_runs(type="special")
    assert type(found) is Special
    assert found.type == "special"


def test_user_source_and_git_are_as_mlflow_sets_them(run: Run, store: str) -> None:
    tags = mlflow.MlflowClient(store).get_run(run.id).data.tags
    assert tags["mlflow.user"] == run.get_details()["submittedBy"]
    assert tags["mlflow.source.type"] == "LOCAL"
    assert Path(tags["mlflow.source.name"]).name
