"""The studio's routes without a browser: what they answer, and to whom."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers.studio import ADMIN, DENIED, OTHER, READER, WRITER, Server, permit
from mlflow import MlflowClient

# --- users and permissions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["runs/get", "runs/logs", "runs/log", "query/check", "experiments", "keys", "views"]
)
def test_nobody_gets_an_answer_without_a_name(studio: Server, path: str):
    assert studio.get(path, None).status_code == 401


def test_nobody_searches_or_cancels_without_a_name(studio: Server):
    for path in (
        "runs/search",
        "runs/cancel",
        "runs/groups",
        "runs/open",
        "runs/states",
        "runs/tags",
        "views/create",
        "views/save",
        "views/delete",
    ):
        assert studio.post(path, None).status_code == 401


def test_a_reader_sees_a_run_and_cannot_cancel_it(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    seen = studio.get("runs/get", READER, run_id=run.id).json()
    assert (seen["status"], seen["may_cancel"]) == ("Running", False)
    answer = studio.post("runs/cancel", READER, run_ids=[run.id])
    assert answer.status_code == 403
    assert "'reader' may not cancel" in answer.json()["message"]
    assert run.get_status() == "Running"


def test_whoever_may_edit_the_experiment_cancels_its_runs(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    assert studio.get("runs/get", WRITER, run_id=run.id).json()["may_cancel"] is True
    answer = studio.post("runs/cancel", WRITER, run_ids=[run.id]).json()
    assert answer["runs"][0]["status"] == "Canceled"
    assert run.get_status() == "Canceled"
    MlflowClient().delete_run(run.id)
    seen = studio.get("runs/get", WRITER, run_id=run.id).json()
    assert (seen["deleted"], seen["may_cancel"]) == (True, False)
    assert studio.post("runs/states", WRITER, run_ids=[run.id]).json() == {"runs": []}


def test_of_several_runs_those_are_cancelled_that_may_be(
    studio: Server, experiment: Any, another: Any
):
    mine = experiment.start_logging(snapshot_directory=None)
    theirs = another.start_logging(snapshot_directory=None)
    ended = experiment.start_logging(snapshot_directory=None)
    ended.complete()
    answer = studio.post("runs/cancel", WRITER, run_ids=[mine.id, theirs.id, ended.id]).json()
    first, second, third = answer["runs"]
    assert (first["status"], first["error"]) == ("Canceled", None)
    assert second["forbidden"]
    assert third["error"] == (
        f"Run {ended.id} is Completed already, so there is nothing to cancel."
    )
    assert theirs.get_status() == "Running"


def test_who_is_denied_an_experiment_sees_nothing_of_it(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    permit(studio, READER, experiment.id, "DENY")
    assert studio.get("runs/get", READER, run_id=run.id).status_code == 403
    assert studio.get("runs/logs", READER, run_id=run.id).status_code == 403
    assert studio.get("runs/log", READER, run_id=run.id, name="user_logs/a").status_code == 403
    assert studio.rows(READER, experiments=[experiment.name]) == []
    listed = studio.get("experiments", READER).json()["experiments"]
    assert experiment.name not in [each["name"] for each in listed]
    query = f"[?_experiment_name=='{experiment.name}'].run_id"
    assert studio.post("runs/search", READER, query=query).json()["value"] == []
    assert studio.post("runs/search", ADMIN, query=query).json()["value"] == [run.id]


def test_tags_of_several_runs_change_in_one_request(studio: Server, experiment: Any, another: Any):
    mine = [experiment.start_logging(snapshot_directory=None) for _ in range(2)]
    mine[0].tag("old", "1")
    theirs = another.start_logging(snapshot_directory=None)
    run_ids = [*(run.id for run in mine), theirs.id]
    change = {"run_ids": run_ids, "set": {"stage": "prod", "bare": None}, "remove": ["old"]}
    first, second, third = studio.post("runs/tags", WRITER, **change).json()["runs"]
    assert (first["error"], second["error"]) == (None, None)
    assert third["forbidden"]
    assert [run.get_tags() for run in mine] == [{"stage": "prod", "bare": None}] * 2
    assert theirs.get_tags() == {}
    assert studio.post("runs/tags", READER, **change).status_code == 403
    assert studio.post("runs/tags", WRITER, run_ids=run_ids).status_code == 400


def test_a_tree_and_groups_are_read_from_the_database(studio: Server, experiment: Any):
    parent = experiment.start_logging(snapshot_directory=None)
    parent.tag("stage", "prod")
    parent.log("loss", 0.5)
    child, ended = parent.create_children(2)
    child.child_run()
    ended.complete()
    parent.complete()
    scope = {"experiments": [experiment.name], "tree": True}
    [row] = studio.rows(WRITER, **scope)
    assert row["children"] == {"NotStarted": 1, "Completed": 1}
    assert {each["id"] for each in studio.rows(WRITER, parent=parent.id)} == {child.id, ended.id}
    grouped = {**scope, "group": "tag:stage", "columns": ["metric:loss"], "children": True}
    prod, none = sorted(
        studio.post("runs/groups", WRITER, **grouped).json()["groups"],
        key=lambda each: each["count"],
    )
    assert (prod["value"], prod["numbers"]["metric:loss"]["mean"]) == ("prod", 0.5)
    assert (none["has"], none["count"]) == (False, 3)
    in_group = {**grouped, "in_group": {"column": "tag:stage", **none}}
    assert len(studio.rows(WRITER, **in_group)) == 3
    named = studio.post("runs/open", WRITER, run_ids=[parent.id]).json()
    assert (len(named["runs"]), named["more"], named["forbidden"]) == (2, False, 0)
    assert studio.post("runs/open", READER, run_ids=[parent.id]).json()["forbidden"] == 2


def test_another_sites_page_cannot_cancel(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        answer = studio.call(
            "POST",
            "ajax-api/2.0/amlflow/runs/cancel",
            json={"run_ids": [run.id]},
            headers=headers,
        )
        assert answer.status_code == 403
    form = studio.call("POST", "ajax-api/2.0/amlflow/runs/cancel", data={"run_ids": run.id})
    assert form.status_code == 400
    assert run.get_status() == "Running"


# --- searching ----------------------------------------------------------------------------------


def test_every_answer_is_json(studio: Server, experiment: Any):
    experiment.start_logging(snapshot_directory=None)
    query = """[?_experiment_name=='%s'].[to_number('nan'), to_number('-inf'), `"\\ud800"`]"""
    answer = studio.post("runs/search", READER, query=query % experiment.name)
    value = json.loads(answer.text, parse_constant=pytest.fail)["value"]
    assert value == [["NaN", "-Infinity", "\ufffd"]]


def test_filters_find_what_they_say(studio: Server, experiment: Any):
    good = experiment.start_logging(snapshot_directory=None)
    good.display_name = "Nightly training"
    good.tag("quality", "fantastic run")
    good.tag("worth another look")
    good.description = "Uses the *Ünicode* tokenizer"
    bad = experiment.start_logging(snapshot_directory=None)
    bad.tag("quality", "poor")
    bad.fail("no")
    child = good.child_run()

    def found(**filters: Any) -> set[str]:
        return {each["id"] for each in studio.rows(experiments=[experiment.name], **filters)}

    assert found() == {good.id, bad.id}
    assert found(children=True) == {good.id, bad.id, child.id}
    assert found(tags=["quality=fantastic run"]) == {good.id}
    assert found(tags=["quality", "worth another look"]) == {good.id}
    assert found(statuses=["Failed"]) == {bad.id}
    assert found(statuses=["Failed", "Running"]) == {good.id, bad.id}
    assert found(targets=["sdk"]) == {good.id, bad.id}
    assert found(targets=["gpu"]) == set()
    assert found(submitters=["nobody"]) == set()
    assert found(text="NIGHTLY") == {good.id}
    assert found(text="ünicode TOKEN") == {good.id}
    assert found(text="worth another") == {good.id}
    assert found(text=experiment.name) == {good.id, bad.id}
    assert found(text="poor", statuses=["Running"]) == set()
    assert found(query="[?tags.quality=='poor']") == {bad.id}
    assert found(query="[?contains(description || '', 'tokenizer')]") == {good.id}
    assert found(query="[?tags.quality]", text="nightly") == {good.id}


def test_pages_follow_each_other_without_gap_or_repetition(studio: Server, experiment: Any):
    parent = experiment.start_logging(snapshot_directory=None)
    children = parent.create_children(23)  # many begin in the same millisecond
    there = {parent.id, *(child.id for child in children)}
    scope = {"experiments": [experiment.name], "children": True, "size": 5}
    for place, child in enumerate(children[:3]):
        child.tag("place", str(place))
    for sort in (
        "-created", "created", "-name", "-status", "duration", "experiment", "target", "-ended",
        "submitter", "description", "property:none",
    ):  # fmt: skip
        rows = studio.rows(ADMIN, **scope, sort=sort)
        assert len(rows) == len(there)
        assert {row["id"] for row in rows} == there
    names = [row["name"] for row in studio.rows(ADMIN, **scope, sort="name")]
    assert names == sorted(names)
    for sort, places in (("tag:place", ["0", "1", "2"]), ("-tag:place", ["2", "1", "0"])):
        tagged = [row["tags"].get("place") for row in studio.rows(ADMIN, **scope, sort=sort)]
        assert tagged == places + [None] * (len(there) - 3)


def test_a_sorted_page_reads_no_more_runs_than_it_shows(studio: Server, experiment: Any):
    experiment.start_logging(snapshot_directory=None).create_children(11)
    scope = {"experiments": [experiment.name], "children": True, "size": 3}
    for sort in ("name", "-tag:a", "experiment", "status"):
        answer = studio.post("runs/search", **scope, sort=sort).json()
        assert (len(answer["rows"]), answer["looked_at"]) == (3, 4)
    statuses = [row["status"] for row in studio.rows(ADMIN, **scope, sort="-status")]
    assert statuses == ["Running"] + ["NotStarted"] * 11
    either = "[?status=='Running' || status=='NotStarted']"  # in two searches of the tracker
    names = [row["name"] for row in studio.rows(ADMIN, **scope, sort="name", query=either)]
    assert names == sorted(names)
    assert len(names) == 12


def test_an_expression_that_is_no_filter_gives_its_value(studio: Server, experiment: Any):
    for loss in ("a", "b"):
        run = experiment.start_logging(snapshot_directory=None)
        run.tag("loss", loss)
        run.complete()

    def asked(query: str, **more: Any) -> Any:
        answer = studio.post("runs/search", query=query, experiments=[experiment.name], **more)
        return answer.json()

    assert asked("[].tags.loss")["value"] == ["b", "a"]
    assert asked("length(@)")["value"] == 2
    assert asked("length(@)", tags=["loss=a"])["value"] == 1
    assert asked("sort_by(@, &tags.loss) | [0]")["rows"][0]["tags"] == {"loss": "a"}


def test_errors_of_an_expression_say_where(studio: Server, experiment: Any):
    experiment.start_logging(snapshot_directory=None)
    wrong = "[?tags.quality=='a' & ]"
    checked = studio.get("query/check", query=wrong).json()
    assert checked["error"].startswith("The query is not JMESPath")
    assert wrong[checked["place"]] in "&] "
    assert studio.get("query/check", query="[?tags.a=='b']").json() == {"error": None}
    [doubt] = studio.get("query/check", query="[?stauts=='b']").json()["doubts"]
    assert "did you mean status?" in doubt
    searched = studio.post("runs/search", query=wrong)
    assert searched.status_code == 400
    assert searched.json()["place"] == checked["place"]
    failed = studio.post(
        "runs/search", query="[?starts_with(tags.none, 'a')]", experiments=[experiment.name]
    )
    assert (failed.status_code, failed.json()["of"]) == (400, "query")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "colour"}, {"sort": "tag"}, {"size": 0}, {"size": 9999}, {"cursor": "?"},
        {"tags": "a"}, {"text": 3}, {"statuses": [1]}, {"sort": "name", "cursor": "1.x"},
    ],
)  # fmt: skip
def test_wrong_requests_are_told_so(studio: Server, wrong: dict[str, Any]):
    answer = studio.post("runs/search", **wrong)
    assert answer.status_code == 400
    assert answer.json()["message"]


# --- views --------------------------------------------------------------------------------------


def test_a_view_is_saved_for_everybody_and_of_two_editors_one_is_told(studio: Server):
    name = f"view {uuid.uuid4().hex}"
    definition = {"query": "[?tags.quality]", "columns": ["status"]}
    view = studio.post("views/create", name=name, definition=definition).json()["view"]
    assert (view["version"], view["by"]) == (1, ADMIN)
    seen = studio.get("views", READER).json()["views"]
    assert [each["definition"] for each in seen if each["id"] == view["id"]] == [definition]

    def save(number: int) -> Any:
        return studio.post(
            "views/save", id=view["id"], version=1, name=name, definition={"text": str(number)}
        )

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(save, range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    [won] = [each.json()["view"] for each in answers if each.status_code == 200]
    told = [each.json()["view"] for each in answers if each.status_code == 409]
    assert all(each["definition"] == won["definition"] for each in told)
    deleted = studio.post("views/delete", id=view["id"], version=2)
    assert deleted.status_code == 200
    assert view["id"] not in [each["id"] for each in studio.get("views").json()["views"]]
    assert save(9).status_code == 404


@pytest.mark.parametrize("is_open", [True, False])
def test_a_views_owner_says_whether_others_may_change_it(studio: Server, is_open: bool):
    asked = {"name": f"view {uuid.uuid4().hex}", "definition": {}}
    view = studio.post("views/create", READER, **asked, open=is_open).json()["view"]
    assert (view["owner"], view["may_change"], view["may_delete"]) == (READER, True, True)
    assert studio.post("views/save", READER, id=view["id"], version=1, **asked).status_code == 200
    [seen] = [
        each for each in studio.get("views", OTHER).json()["views"] if each["id"] == view["id"]
    ]
    assert (seen["may_change"], seen["may_delete"]) == (is_open, False)
    # What another sends of it changes neither whose it is nor who may change it.
    theirs = {**asked, "open": not is_open, "owner": OTHER}
    saved = studio.post("views/save", OTHER, id=view["id"], version=2, **theirs)
    assert saved.status_code == (200 if is_open else 403)
    version = 3 if is_open else 2
    if is_open:
        now = saved.json()["view"]
        assert (now["owner"], now["open"], now["by"]) == (READER, True, OTHER)
    else:
        assert "'amlflow.views'" in saved.json()["message"]
    for user, expected in ((OTHER, 403), (ADMIN, 200)):
        deleted = studio.post("views/delete", user, id=view["id"], version=version)
        assert deleted.status_code == expected


def test_who_may_not_read_the_views_sees_and_saves_none(studio: Server, as_user: Any):
    from azureml.core import Experiment, Workspace

    asked = {"name": f"view {uuid.uuid4().hex}", "definition": {}}
    view = studio.post("views/create", **asked).json()["view"]
    found = studio.call(
        "GET", "api/2.0/mlflow/experiments/get-by-name?experiment_name=amlflow.views"
    )
    permit(studio, DENIED, found.json()["experiment"]["experiment_id"], "DENY")
    assert studio.get("views", DENIED).json()["views"] == []
    refused = studio.post("views/create", DENIED, **asked)
    assert refused.status_code == 403
    assert "'amlflow.views'" in refused.json()["message"]
    for path in ("views/save", "views/delete"):
        assert studio.post(path, DENIED, id=view["id"], version=1, **asked).status_code == 404
    workspace = Workspace("sub", "group", "workspace")
    assert "amlflow.views" not in [each.name for each in Experiment.list(workspace)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "definition": {}}, {"name": "a", "definition": []}, {"definition": {}},
        {"name": "a", "definition": {"query": "x" * 6000}},
    ],
)  # fmt: skip
def test_a_view_needs_a_name_and_has_its_limits(studio: Server, wrong: dict[str, Any]):
    assert studio.post("views/create", **wrong).status_code == 400


# --- MLflow's own API ---------------------------------------------------------------------------


def test_properties_stay_whatever_mlflows_api_is_asked(studio: Server, experiment: Any):
    run = experiment.start_logging(snapshot_directory=None)
    run.add_properties({"author": "azureml-user"})
    key = "property.author"

    def asked(path: str, **content: Any) -> Any:
        return studio.call("POST", f"api/2.0/mlflow/runs/{path}", json=content)

    changes = (
        ("log-parameter", {"run_id": run.id, "key": key, "value": "x"}),
        ("log-batch", {"run_id": run.id, "params": [{"key": key, "value": "x"}]}),
        (
            "log-batch",
            {
                "run_id": run.id,
                "params": [{"key": "property.new", "value": "y"}, {"key": key, "value": "x"}],
            },
        ),
    )
    for path, content in changes:
        assert asked(path, **content).status_code == 400
    for path in ("delete-parameter", "delete-param", "delete-property"):
        assert asked(path, run_id=run.id, key=key).status_code == 404
    asked("set-tag", run_id=run.id, key=key, value="x")
    asked("delete-tag", run_id=run.id, key=key)
    asked("update", run_id=run.id, status="FINISHED", run_name="renamed")
    assert run.get_properties() == {"author": "azureml-user"}


def test_deleting_a_run_hides_it_with_its_properties_and_restoring_brings_both_back(
    studio: Server, experiment: Any
):
    run = experiment.start_logging(snapshot_directory=None)
    run.add_properties({"author": "azureml-user"})
    for path, there in (("delete", 0), ("restore", 1)):
        done = studio.call("POST", f"api/2.0/mlflow/runs/{path}", json={"run_id": run.id})
        assert done.status_code == 200
        found = list(experiment.get_runs(properties={"author": "azureml-user"}))
        assert len(found) == len(studio.rows(experiments=[experiment.name])) == there
    assert run.get_properties() == {"author": "azureml-user"}
