"""Tests of commands: their words, their flags and what they do."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from amlflow.cli import progress
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.journal.folder import ProcessFolder, note_refused
from amlflow.layers.stack import open_direct
from amlflow.query.document import FIELDS
from amlflow.spec import Unavailable
from mlflow import MlflowClient


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


# run list


def test_the_last_ten_are_listed_and_that_there_are_more(cli: Any, runs: list[Run]) -> None:
    done = cli("run", "list", "-e", "explore")
    assert [each["run_id"] for each in done.json] == ids(runs)[:10]
    assert "--last N" in done.err
    assert tuple(done.json[0]) == FIELDS


def test_last_lists_as_many_and_says_nothing(cli: Any, runs: list[Run]) -> None:
    done = cli("run", "list", "--experiment-name", "explore", "--last", "11")
    assert [each["run_id"] for each in done.json] == ids(runs)[:11]
    assert done.err == ""


def test_children_are_left_out_unless_asked_for(cli: Any, runs: list[Run]) -> None:
    assert "nested" not in [each["name"] for each in cli("run", "list", "--last", "99").json]
    [child] = cli("run", "list", "--parent-run-id", runs[2].id).json
    assert (child["name"], child["parent_run_id"], child["root_run_id"]) == (
        "nested", runs[2].id, runs[2].id,
    )  # fmt: skip
    [child] = cli("run", "children", "-r", runs[2].id, "--recursive").json
    assert child["name"] == "nested"


def test_numbers_count_from_the_first_run(cli: Any, runs: list[Run]) -> None:
    numbers = [each["run_number"] for each in cli("run", "list", "--last", "12").json]
    assert numbers == list(range(12, 0, -1))  # the child was made last


def test_all_experiments_without_a_name(cli: Any, workspace: Workspace, runs: list[Run]) -> None:
    other = Experiment(workspace, "other").start_logging(snapshot_directory=None)
    found = cli("run", "list", "--last", "2").json
    assert [(each["run_id"], each["_experiment_name"]) for each in found] == [
        (other.id, "other"), (runs[0].id, "explore"),
    ]  # fmt: skip


QUERIES = (
    "[?properties.author=='azureml-user']",
    "[?tags.keys(@)[?starts_with(@, 'worth another look')]]",
    "[?properties.author=='azureml-user' && tags.quality=='fantastic run']",
)


@pytest.mark.parametrize(
    ("query", "places"), [*zip(QUERIES, [(11, 9, 7, 5, 3, 1), (7, 3), (7, 3)], strict=True)]
)
def test_the_guides_queries_search_all_runs(
    cli: Any, runs: list[Run], query: str, places: tuple[int, ...]
) -> None:
    expected = [f"number {place}" for place in places]
    for words in (["--query", query], [query]):
        done = cli("run", "list", "--experiment-name", "explore", *words)
        assert [each["name"] for each in done.json] == expected
        assert done.err == ""


def test_a_projection_keeps_its_order(cli: Any, runs: list[Run]) -> None:
    query = "[?tags.quality].{name: name, author: properties.author, a: tags.quality} | [0]"
    done = cli("run", "list", query)
    assert done.out.index("name") < done.out.index("author") < done.out.index('"a"')


def test_last_bounds_what_a_query_sees(cli: Any, runs: list[Run]) -> None:
    assert cli("run", "list", "--last", "5", "[?tags.quality].name").json == ["number 7"]
    assert cli("run", "list", "--last", "5", "length(@)").json == 5


def test_list_filters_by_status_tags_and_target(cli: Any, runs: list[Run]) -> None:
    assert [each["run_id"] for each in cli("run", "list", "--status", "Completed").json] == [
        runs[0].id
    ]
    names = [each["name"] for each in cli("run", "list", "--tags", "quality=fantastic run").json]
    assert names == ["number 7", "number 3"]
    assert cli("run", "list", "--tags", "quality=x").json == []
    assert len(cli("run", "list", "--tags", "worth another look", "--tags", "quality").json) == 2
    assert cli("run", "list", "--compute-target-name", "gpu").json == []


def test_minimal_shows_the_columns_of_v1_only(cli: Any, runs: list[Run]) -> None:
    [row] = cli("run", "list", "--status", "Completed", "--minimal").json
    assert list(row) == ["RunId", "RunType", "Status", "StartTime", "EndTime", "Target", "Tags"]
    assert row["RunId"] == runs[0].id


def test_debug_shows_what_was_pushed_down(cli: Any, runs: list[Run]) -> None:
    done = cli("run", "list", "-e", "explore", QUERIES[2], "--debug")
    assert "properties['author'] = 'azureml-user' and tags['quality'] = 'fantastic run'" in done.err
    assert "2 runs came back" in done.err


# run show and changes


def test_show_has_all_fields_and_times_in_utc(cli: Any, runs: list[Run]) -> None:
    shown = cli("run", "show", "-r", runs[0].id).json
    assert tuple(shown) == FIELDS
    assert (shown["status"], shown["display_name"]) == ("Completed", "number 11")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["end_time_utc"])


def test_an_asked_id_is_what_is_shown(cli: Any, experiment: Experiment) -> None:
    parent = experiment.start_logging(run_id="mine", snapshot_directory=None)
    parent.child_run(run_id="below").child_run()
    shown = cli("run", "show", "--run", "mine", "-e", "explore").json
    assert (shown["run_id"], shown["root_run_id"]) == ("mine", "mine")
    [child] = cli("run", "children", "-r", "mine").json
    assert (child["run_id"], child["parent_run_id"]) == ("below", "mine")
    [grandchild] = cli("run", "children", "-r", "below").json
    assert (grandchild["parent_run_id"], grandchild["root_run_id"]) == ("below", "mine")
    found = experiment.query("[?parent_run_id == 'mine'].run_id", include_children=True)
    assert found == ["below"]


def test_a_failed_run_shows_its_error(cli: Any, run: Run) -> None:
    run.fail("no data", "NoData")
    error = cli("run", "show", "-r", run.id).json["error"]["error"]
    assert (error["code"], error["message"]) == ("NoData", "no data")


def test_tags_and_description(cli: Any, run: Run) -> None:
    shown = cli("run", "update", "-r", run.id, "--add-tag", "quality=a=b", "--add-tag", "bare").json
    assert shown["tags"] == {"bare": None, "quality": "a=b"}
    assert cli("run", "delete-tag", "-r", run.id, "--key", "bare").json["tags"] == {
        "quality": "a=b"
    }
    assert cli("run", "delete-tag", "-r", run.id, "--key", "bare").code == 3
    text = "# Größe"
    assert cli("run", "set-description", "-r", run.id, "--description", text).json[
        "description"
    ] == (text)


def test_metrics_link_and_logs(cli: Any, run: Run, folder: Path) -> None:
    run.log("loss", 0.5)
    assert cli("run", "metrics", "-r", run.id).json == {"loss": 0.5}
    assert cli("run", "open", "-r", run.id, "-o", "tsv").out == f"{run.get_portal_url()}\n"
    assert cli("run", "download-logs", "-r", run.id, "-d", "out").json == []
    (folder / "log.txt").write_text("hello")
    run.upload_file("logs/a.txt", "log.txt")
    assert cli("run", "download-logs", "-r", run.id, "-d", "out").json == ["out/logs/a.txt"]
    assert (folder / "out/logs/a.txt").read_text() == "hello"


def test_cancel_and_monitor(cli: Any, run: Run) -> None:
    assert cli("run", "cancel", "-r", run.id, "-e", "explore").json == (
        "Experiment run canceled successfully."
    )
    done = cli("run", "monitor-logs", "-r", run.id)
    assert done.json["status"] == "Canceled"
    assert f"RunId: {run.id}" in done.err
    again = cli("run", "cancel", "-r", run.id)
    assert (again.code, "Canceled already" in again.err) == (1, True)


# places


def test_an_experiment_that_mlflow_has_is_taken_by_its_name(
    cli: Any, store: str, folder: Path
) -> None:
    name = "My Team/Experiment 1.0"
    client = MlflowClient(store)
    run_id = client.create_run(client.create_experiment(name)).info.run_id
    for words in (
        ("run", "list"), ("run", "show", "-r", run_id), ("run", "children", "-r", run_id),
        ("run", "metrics", "-r", run_id), ("run", "open", "-r", run_id),
        ("run", "update", "-r", run_id, "--add-tag", "a"), ("run", "cancel", "-r", run_id),
        ("run", "list", "[?tags.a]"), ("folder", "attach"),
    ):  # fmt: skip
        done = cli(*words, "-e", name)
        assert done.code == 0, done.err
    assert [each["run_id"] for each in cli("run", "list").json] == [run_id]  # the folder's own
    assert cli("folder", "attach", "-e", "Nobody/1.0").code == 2


def test_sync_sends_what_was_refused_again(cli: Any, run: Run) -> None:
    run.log("loss", 0.5)
    run.flush()
    folder = run._tracker.journal.sender().folder
    left = ProcessFolder.make(folder.path.parent, run._tracker.uri)
    run_id = run._record.id
    note_refused(left, ["point", run_id, "w", "loss", "scalar", 0.25, 7, 0, 0], "Not today.")
    left.remove()
    assert cli("sync").json["refused"][0]["why"] == "Not today."
    done = cli("sync", "--refused").json
    assert (done["sent"], done["refused"]) == (1, [])
    assert sorted(run.get_metrics()["loss"]) == [0.25, 0.5]


@pytest.mark.parametrize("terminal", [True, False])
def test_sync_says_how_far_it_is(
    cli: Any, run: Run, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    folder = run._tracker.journal.sender().folder
    left = ProcessFolder.make(folder.path.parent, run._tracker.uri)
    record = ["point", run._record.id, "w", "loss", "scalar", 0.25]
    left.leave([[*record, number, number, 0] for number in range(2000)], left.path)
    left.release()
    said, answered = (
        threading.Event(),
        open_direct(run._tracker.uri).write_points,
    )

    def slowly(*arguments: Any) -> None:
        said.wait(60)
        answered(*arguments)

    monkeypatch.setattr(progress, "COUNT_S" if terminal else "LINE_S", 0.01)
    monkeypatch.setattr(open_direct(run._tracker.uri), "write_points", slowly)
    written = sys.stderr

    class Stderr(io.StringIO):
        def isatty(self) -> bool:
            return terminal

        def write(self, text: str) -> int:
            if "0 of 2,000 records sent" in text:
                said.set()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", stderr := Stderr())
    assert cli("sync").json["sent"] == 2000
    monkeypatch.setattr(sys, "stderr", written)
    assert said.is_set()
    if terminal:
        assert stderr.getvalue().endswith("\r2,000 of 2,000 records sent\x1b[K\n")
    else:
        assert "\r" not in stderr.getvalue()


def test_a_change_that_does_not_arrive_is_said_by_the_exit_code(
    cli: Any, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_FLUSH_SECONDS", "0.3")
    run = Experiment(Workspace.from_config(), "explore").start_logging(snapshot_directory=None)
    tracker = open_direct(run._tracker.uri)

    def away(*_: Any) -> None:
        raise Unavailable("It is away.")

    for words in (("update", "--add-tag", "a=b"), ("set-description", "--description", "text")):
        with monkeypatch.context() as patch:
            patch.setattr(tracker, "update_run", away)
            done = cli("run", words[0], "-r", run.id, *words[1:])
            assert done.code == 1
            assert "1 record has not reached the tracker within 0.3 s (It is away.)" in done.err
        run.flush()
    assert run.get_tags() == {"a": "b"}


def test_mark_failed(cli: Any, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.log("loss", 0.5)
    refused = cli("run", "mark-failed", "-r", run.id)
    assert refused.code == 1
    assert f"with the process id {os.getpid()}. End it first" in refused.err
    assert run.get_status() == "Running"
    run.flush()
    run._tracker.journal.sender().folder.release()  # as if it had died
    assert cli("run", "mark-failed", "-r", run.id).json["status"] == "Failed"
    error = run.get_details()["error"]["error"]["message"]
    assert "process that logged to the run has died" in error


@pytest.mark.parametrize("end", ["complete", "fail"])
def test_mark_failed_leaves_a_run_that_has_ended_as_it_is(
    cli: Any, experiment: Experiment, end: str
) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    getattr(run, end)()
    before = run.get_details()
    refused = cli("run", "mark-failed", "-r", run.id)
    assert refused.code == 1
    assert f"is {run.get_status()} already and cannot become Failed" in refused.err
    assert run.get_details() == before


def test_folder_attach(cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    printed = cli(
        "folder", "attach", "-w", "myworkspace", "-g", "myresourcegroup", "-e", "mine"
    ).json
    assert printed == {
        "Experiment name": "mine",
        "Subscription id": "00000000-0000-0000-0000-000000000000",
        "Resource group": "myresourcegroup",
        "Workspace name": "myworkspace",
    }
    made = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert made == {
        ".amlignore", ".azureml/config.json", ".azureml/local.runconfig",
        ".azureml/docker.runconfig", ".azureml/conda_dependencies.yml",
    }  # fmt: skip
    local = yaml.safe_load((folder / ".azureml/local.runconfig").read_text())
    docker = yaml.safe_load((folder / ".azureml/docker.runconfig").read_text())
    assert (local["target"], local["environment"]["docker"]["enabled"]) == ("local", False)
    assert docker["environment"]["docker"]["enabled"] is True
    assert Workspace.from_config().name == "myworkspace"
    (folder / "sub").mkdir()
    (folder / ".amlignore").write_text("mine")
    assert cli("folder", "attach").json["Workspace name"] == "myworkspace"
    assert (folder / ".amlignore").read_text() == "mine"
    # The folder's experiment has no runs yet, and the workspace is known by its name anywhere.
    assert cli("run", "list").json == []
    assert cli("run", "list", "--path", "sub").json == []
    assert cli("workspace", "show", "-w", "myworkspace", "--path", "/").json["name"] == (
        "myworkspace"
    )
    assert [each["name"] for each in cli("workspace", "list").json] == ["myworkspace"]
    assert cli("folder", "attach", "--path", "nowhere").code == 3
    assert cli("folder", "attach", "-e", "no name").code == 2


def test_the_attached_experiment_is_the_one_meant(cli: Any, runs: list[Run]) -> None:
    Experiment(runs[0].experiment.workspace, "other").start_logging(snapshot_directory=None)
    cli("folder", "attach", "-w", "w", "-e", "explore")
    assert cli("run", "list", "--last", "1").json[0]["run_id"] == runs[0].id


def test_a_file_of_a_run_is_registered_as_a_model(cli: Any, run: Run, folder: Path) -> None:
    (folder / "m.bin").write_text("weights")
    run.upload_file("outputs/m.bin", "m.bin")
    register = ("model", "register", "-n", "m", "--experiment-name", run.experiment.name)
    model = cli(*register, "--run-id", run.id, "--asset-path", "outputs/m.bin")
    assert (model.json["id"], model.json["runId"]) == ("m:1", run.id)
    assert [each["id"] for each in cli("model", "list", "--run-id", run.id).json] == ["m:1"]
    assert cli("model", "download", "-i", "m:1", "-t", "out").code == 0
    assert (folder / "out" / "m.bin").read_text() == "weights"
    missing = cli(*register, "--run-id", run.id, "--asset-path", "outputs/none.bin")
    assert (missing.code, "outputs/none.bin" in missing.err) == (3, True)
    assert cli(*register, "--asset-path", "outputs/m.bin").code == 2


def test_experiments_and_targets_are_listed_and_attached(cli: Any, run: Run) -> None:
    run.experiment.archive()
    found = {each["name"]: each for each in cli("experiment", "list").json}
    assert found["explore"]["id"] == run.experiment.id
    assert found["explore"]["archived_time"] is not None
    assert "local" in [each["name"] for each in cli("computetarget", "list").json]
    assert cli("computetarget", "show", "-n", "local").json["type"] == "local"
    attached = cli(
        "computetarget", "attach", "-n", "two", "--kind", "local", "--setting", "max_runs=2"
    )
    assert attached.json["properties"] == {"kind": "local", "max_runs": 2}
    assert cli("computetarget", "list", "--query", "[].name").json == ["local", "two"]
    assert cli("computetarget", "detach", "-n", "two").code == 0
    assert cli("computetarget", "detach", "-n", "two").code == 3
    assert cli("computetarget", "attach", "-n", "x", "--kind", "local", "--setting", "y").code == 2
    create = ("computetarget", "create", "amlcompute", "-n", "cpu", "-s", "STANDARD_D2_V2")
    created = cli(*create, "--max-nodes", "4", "--tags", "team=a")
    assert created.json["properties"]["max_runs"] == 4
    assert created.json["properties"]["cluster"]["tags"] == {"team": "a"}
    assert cli(*create).code == 2
    assert cli(*create, "--max-nodes", "x").code == 2
    assert cli(*create, "--max-nodes", "0").code == 2
    assert cli("computetarget", "delete", "-n", "cpu").code == 0
    assert cli("computetarget", "show", "-n", "cpu").code == 3
    [plugin] = [each for each in cli("plugins").json if each["plugin"] == "mlflow"]
    assert "write-once properties" in plugin["features"]
    assert "tracker" in plugin["hooks"]
