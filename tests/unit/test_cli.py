"""The commands: words, flags, output, exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import services
import yaml
from amlflow.cli import main
from amlflow.cli.commands import COMMANDS
from amlflow.core.experiment import Experiment
from amlflow.core.run import Run
from amlflow.core.workspace import Workspace
from amlflow.query.document import FIELDS


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def runs(experiment: Experiment) -> list[Run]:
    """Twelve runs, the newest first; the third has a child."""
    made = []
    for place in range(12):
        run = experiment.start_logging(snapshot_directory=None, display_name=f"number {place}")
        run.add_properties({"author": "azureml-user" if place % 2 else "somebody"})
        if place in (3, 7):
            run.set_tags({"quality": "fantastic run", "worth another look": None})
        made.insert(0, run)
    made[2].child_run(name="nested").complete()
    made[0].log("loss", 0.5)
    made[0].complete()
    return made


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


# run list


def test_the_last_ten_are_listed_and_that_there_are_more(cli: Cli, runs: list[Run]) -> None:
    done = cli("run", "list", "-e", "explore")
    assert [each["run_id"] for each in done.json] == ids(runs)[:10]
    assert "--last N" in done.err
    assert tuple(done.json[0]) == FIELDS


def test_last_lists_as_many_and_says_nothing(cli: Cli, runs: list[Run]) -> None:
    done = cli("run", "list", "--experiment-name", "explore", "--last", "11")
    assert [each["run_id"] for each in done.json] == ids(runs)[:11]
    assert done.err == ""


def test_children_are_left_out_unless_asked_for(cli: Cli, runs: list[Run]) -> None:
    assert "nested" not in [each["name"] for each in cli("run", "list", "--last", "99").json]
    [child] = cli("run", "list", "--parent-run-id", runs[2].id).json
    assert (child["name"], child["parent_run_id"], child["root_run_id"]) == (
        "nested", runs[2].id, runs[2].id,
    )  # fmt: skip
    [child] = cli("run", "children", "-r", runs[2].id, "--recursive").json
    assert child["name"] == "nested"


def test_numbers_count_from_the_first_run(cli: Cli, runs: list[Run]) -> None:
    numbers = [each["run_number"] for each in cli("run", "list", "--last", "12").json]
    assert numbers == list(range(12, 0, -1))  # the child was made last


def test_all_experiments_without_a_name(cli: Cli, workspace: Workspace, runs: list[Run]) -> None:
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
    cli: Cli, runs: list[Run], query: str, places: tuple[int, ...]
) -> None:
    expected = [f"number {place}" for place in places]
    for words in (["--query", query], [query]):
        done = cli("run", "list", "--experiment-name", "explore", *words)
        assert [each["name"] for each in done.json] == expected
        assert done.err == ""


def test_a_projection_keeps_its_order(cli: Cli, runs: list[Run]) -> None:
    query = "[?tags.quality].{name: name, author: properties.author, a: tags.quality} | [0]"
    done = cli("run", "list", query)
    assert done.out.index("name") < done.out.index("author") < done.out.index('"a"')


def test_last_bounds_what_a_query_sees(cli: Cli, runs: list[Run]) -> None:
    assert cli("run", "list", "--last", "5", "[?tags.quality].name").json == ["number 7"]
    assert cli("run", "list", "--last", "5", "length(@)").json == 5


def test_filters(cli: Cli, runs: list[Run]) -> None:
    assert [each["run_id"] for each in cli("run", "list", "--status", "Completed").json] == [
        runs[0].id
    ]
    names = [each["name"] for each in cli("run", "list", "--tags", "quality=fantastic run").json]
    assert names == ["number 7", "number 3"]
    assert cli("run", "list", "--tags", "quality=x").json == []
    assert len(cli("run", "list", "--tags", "worth another look", "--tags", "quality").json) == 2
    assert cli("run", "list", "--compute-target-name", "gpu").json == []


def test_minimal(cli: Cli, runs: list[Run]) -> None:
    [row] = cli("run", "list", "--status", "Completed", "--minimal").json
    assert list(row) == ["RunId", "RunType", "Status", "StartTime", "EndTime", "Target", "Tags"]
    assert row["RunId"] == runs[0].id


def test_debug_shows_what_was_pushed_down(cli: Cli, runs: list[Run]) -> None:
    done = cli("run", "list", "-e", "explore", QUERIES[2], "--debug")
    assert "properties['author'] = 'azureml-user' and tags['quality'] = 'fantastic run'" in done.err
    assert "2 runs came back" in done.err


# run show and changes


def test_show(cli: Cli, runs: list[Run]) -> None:
    shown = cli("run", "show", "-r", runs[0].id).json
    assert tuple(shown) == FIELDS
    assert (shown["status"], shown["display_name"]) == ("Completed", "number 11")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["end_time_utc"])


def test_an_asked_id_is_what_is_shown(cli: Cli, experiment: Experiment) -> None:
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


def test_a_failed_run_shows_its_error(cli: Cli, run: Run) -> None:
    run.fail("no data", "NoData")
    error = cli("run", "show", "-r", run.id).json["error"]["error"]
    assert (error["code"], error["message"]) == ("NoData", "no data")


def test_tags_and_description(cli: Cli, run: Run) -> None:
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


def test_metrics_link_and_logs(cli: Cli, run: Run, folder: Path) -> None:
    run.log("loss", 0.5)
    assert cli("run", "metrics", "-r", run.id).json == {"loss": 0.5}
    assert cli("run", "open", "-r", run.id, "-o", "tsv").out == f"{run.get_portal_url()}\n"
    assert cli("run", "download-logs", "-r", run.id, "-d", "out").json == []
    (folder / "log.txt").write_text("hello")
    run.upload_file("logs/a.txt", "log.txt")
    assert cli("run", "download-logs", "-r", run.id, "-d", "out").json == ["out/logs/a.txt"]
    assert (folder / "out/logs/a.txt").read_text() == "hello"


def test_cancel_and_monitor(cli: Cli, run: Run) -> None:
    assert cli("run", "cancel", "-r", run.id, "-e", "explore").json == (
        "Experiment run canceled successfully."
    )
    done = cli("run", "monitor-logs", "-r", run.id)
    assert done.json["status"] == "Canceled"
    assert f"RunId: {run.id}" in done.err
    again = cli("run", "cancel", "-r", run.id)
    assert (again.code, "Canceled already" in again.err) == (1, True)


# places


def test_submit_script(cli: Cli, store: str, folder: Path, jobs: Path) -> None:
    (folder / "train.py").write_text("import sys\nprint('got', sys.argv[1:])\n")
    cli("folder", "attach", "-w", "w", "-e", "testexperiment")
    (folder / ".azureml/local.runconfig").rename(folder / ".azureml/sklearn.runconfig")
    words = ("run", "submit-script", "-c", "sklearn", "-e", "testexperiment", "train.py")
    done = cli(*words, "--epochs", "3", "-o")
    assert (done.json["status"], done.json["script_name"]) == ("Completed", "train.py")
    assert done.json["_experiment_name"] == "testexperiment"
    assert "got ['--epochs', '3', '-o']" in done.err


def test_submit_script_without_waiting(cli: Cli, store: str, folder: Path, jobs: Path) -> None:
    (folder / "slow.py").write_text("import time\ntime.sleep(600)\n")
    run_id = cli("run", "submit-script", "--async", "--target", "local", "slow.py").json["run_id"]
    assert cli("run", "list").json[0]["_experiment_name"] == "work"
    assert cli("run", "cancel", "-r", run_id).code == 0
    assert cli("run", "monitor-logs", "-r", run_id).json["status"] == "Canceled"


def test_folder_attach(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert cli("folder", "attach", "--path", "nowhere").code == 1
    assert cli("folder", "attach", "-e", "no name").code == 1


def test_the_attached_experiment_is_the_one_meant(cli: Cli, runs: list[Run]) -> None:
    Experiment(runs[0].experiment.workspace, "other").start_logging(snapshot_directory=None)
    cli("folder", "attach", "-w", "w", "-e", "explore")
    assert cli("run", "list", "--last", "1").json[0]["run_id"] == runs[0].id


def test_lists(cli: Cli, run: Run) -> None:
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
    assert cli("computetarget", "detach", "-n", "two").code == 1
    assert cli("computetarget", "attach", "-n", "x", "--kind", "local", "--setting", "y").code == 1
    [plugin] = [each for each in cli("plugins").json if each["plugin"] == "mlflow"]
    assert "write-once properties" in plugin["features"]
    assert "tracker" in plugin["hooks"]


# output


def test_forms(cli: Cli, runs: list[Run]) -> None:
    words = ("run", "list", "--last", "3", "-e", "explore", "-o")
    assert yaml.safe_load(cli(*words, "yaml").out) == json.loads(cli(*words, "json").out)
    assert cli(*words, "jsonc").out == cli(*words, "json").out  # no colours: no terminal
    assert cli(*words, "none").out == ""
    rows = cli(*words, "tsv").out.splitlines()
    assert [row.split("\t")[FIELDS.index("run_id")] for row in rows] == ids(runs)[:3]


def test_the_table_is_one_line_a_run(cli: Cli, runs: list[Run]) -> None:
    runs[8].tag("note", "two\nlines\x1b[31m")
    lines = cli("run", "list", "--last", "12", "-o", "table").out.splitlines()
    assert lines[0].split() == ["Run", "Name", "Status", "Started", "Duration", "Tags"]
    assert len(lines) == 14
    assert re.search(r"number 11 +Completed +[\d-]+ [\d:]+ +0:00:0\d", lines[2])
    assert "quality=fantastic run, worth another look" in lines[6]
    assert "\x1b" not in "".join(lines)
    assert cli("run", "list", "-o", "table", "[0].tags").code == 0
    assert cli("run", "list", "-o", "table", "[?a]").out == ""


def test_the_result_is_written_to_a_new_file(cli: Cli, run: Run, folder: Path) -> None:
    done = cli("run", "show", "-r", run.id, "-t", "out.json")
    assert json.loads((folder / "out.json").read_text()) == done.json
    again = cli("run", "update", "-r", run.id, "--add-tag", "a", "-t", "out.json")
    assert (again.code, "'out.json' exists already" in again.err) == (1, True)
    assert run.get_tags() == {}


def test_query_on_other_commands(cli: Cli, run: Run) -> None:
    assert cli("run", "show", "-r", run.id, "--query", "status").json == "Running"
    assert cli("experiment", "list", "--query", "[].name", "-o", "tsv").out.split() == [
        "explore", "Default",
    ]  # fmt: skip


# bad input


@pytest.mark.parametrize(
    ("query", "caret_under", "reminds"),
    [
        ("[?properties.author==azureml-user]", "-user]", True),
        ("[?tags.quality=='fantastic run'", "", False),
        ("[?tags.quality=='a' && ]", "]", False),
        ("[?tags.quality=='fantastic run]", "'fantastic", False),
        ("", "", False),
    ],
)
def test_a_query_that_does_not_parse(
    cli: Cli, store: str, query: str, caret_under: str, reminds: bool
) -> None:
    done = cli("run", "list", "--query", query)
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    place = lines.index(f"    {query}")
    assert lines[place + 1].index("^") - 4 == len(query) - len(
        query[query.index(caret_under) :] if caret_under else ""
    )
    assert ("double quotes" in done.err) is reminds


def test_words_that_a_shell_has_split(cli: Cli, store: str) -> None:
    done = cli("run", "list", "[?tags.quality==fantastic", "run]")
    assert (done.code, "double quotes" in done.err) == (2, True)


def test_a_bare_word_may_have_lost_its_quotes(cli: Cli, run: Run) -> None:
    done = cli("run", "list", "[?tags.quality==fantastic]")
    assert (done.code, "'fantastic'" in done.err) == (0, True)


def test_a_query_that_fails_on_these_runs(cli: Cli, run: Run) -> None:
    done = cli("run", "list", "[?starts_with(tags.quality, 'f')]")
    assert (done.code, "tags.quality &&" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["run", "show", "-r", "missing"], "missing"),
        (["run", "show", "-r", "0" * 32], "0" * 32),
        (["run", "list", "-e", "nowhere"], "nowhere"),
        (["run", "list", "-w", "nobody"], "nobody"),
        (["run", "list", "--parent-run-id", "missing"], "missing"),
        (["run", "update", "-r", "missing", "--add-tag", "a"], "missing"),
        (["run", "cancel", "-r", "missing"], "missing"),
        (["computetarget", "show", "-n", "gpu"], "gpu"),
    ],
)
def test_what_does_not_exist(cli: Cli, run: Run, words: list[str], name: str) -> None:
    done = cli(*words)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("ERROR: ")
    assert name in done.err


@pytest.mark.parametrize(
    ("words", "piece"),
    [
        (["run", "list", "--lsat", "3"], "--last"),
        (["run", "list", "--experimentname", "x"], "--experiment-name"),
        (["run", "lst"], "'list'"),
        (["rnu", "list"], "'run'"),
        (["run", "show"], "--run/-r"),
        (["run", "list", "-o", "jsn"], "'json'"),
        (["run", "submit-script"], "none was given"),
    ],
)
def test_wrong_usage(cli: Cli, store: str, words: list[str], piece: str) -> None:
    done = cli(*words)
    assert (done.code, done.out) == (2, "")
    assert piece in done.err


@pytest.mark.parametrize(
    ("words", "piece"),
    [
        (["run", "update", "-r", "RUN", "--add-tag", "=x"], "'=x' has no key"),
        (["run", "list", "--last", "ten"], "'ten'"),
        (["run", "list", "--last", "0"], "'0'"),
        (["run", "list", "--tags", "=x"], "'=x' has no key"),
        (["run", "list", "--status", "Done"], "'Done'"),
        (["run", "submit-script", "-d", "conda.yml", "a.py"], "conda.yml"),
        (["run", "submit-script", "missing.py"], ""),
    ],
)
def test_errors_of_the_command(cli: Cli, run: Run, words: list[str], piece: str) -> None:
    done = cli(*[run.id if word == "RUN" else word for word in words])
    assert (done.code, done.out) == (1, "")
    assert piece in done.err


def test_a_store_that_does_not_answer(cli: Cli, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{services.free_port()}")
    done = cli("run", "list")
    assert (done.code, "secret" in done.err) == (1, False)


# help, completion, shells


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "-h")
    assert done.code == 0
    assert "Examples" in done.out
    assert re.search(r"amlflow " + command, done.out)


def test_help_of_groups(cli: Cli) -> None:
    done = cli("--help")
    for group in ("run", "experiment", "workspace", "computetarget", "folder"):
        assert re.search(rf"^ +{group} +: \w", done.out, re.M)
    assert "submit-script" in cli("run", "--help").out


SCRIPT = shutil.which("amlflow", path=str(Path(sys.executable).parent)) or "amlflow"


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(SCRIPT).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env=services.clean_environment(PATH=path, **environment),
    )  # fmt: skip


def test_a_closed_pipe_is_no_error(run: Run, folder: Path, store: str) -> None:
    script = f"{SCRIPT} run list | head -1; echo ${{PIPESTATUS[0]}}; {SCRIPT} -h | true"
    done = bash(script, folder, MLFLOW_TRACKING_URI=store)
    assert done.stdout.splitlines()[0] == "["
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_shell_init(folder: Path) -> None:
    (folder / "az").write_text("#!/bin/sh\necho the real az: $*\n")
    (folder / "az").chmod(0o755)
    script = f'PATH="$PWD:$PATH"; eval "$({SCRIPT} shell-init)"; az ml run list -h; az login -u me'
    done = bash(script, folder)
    assert "amlflow run list" in done.stdout
    assert done.stdout.endswith("the real az: login -u me\n")


def test_completion(folder: Path) -> None:
    line = "amlflow run list --exp"
    script = f"_ARGCOMPLETE=1 COMP_LINE='{line}' COMP_POINT={len(line)} {SCRIPT} 8>&1 9>&2"
    done = bash(script, folder, IFS="\v")
    assert "--experiment-name" in done.stdout


def test_nothing_is_shown_of_progress_without_a_terminal(cli: Cli, run: Run) -> None:
    assert "Downloading" not in cli("run", "download-logs", "-r", run.id, "-d", "out").err


def test_progress_and_colours_on_a_terminal(run: Run, folder: Path, store: str) -> None:
    run.complete()
    script = (
        f"import sys; from amlflow.cli import main; main(['run', 'download-logs', '-r', '{run.id}',"
        " '-d', 'out']); main(['run', 'list', '-o', 'table'])"
    )
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdout=follower, stderr=follower,
        env=services.clean_environment(MLFLOW_TRACKING_URI=store),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # Linux: the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    assert process.wait() == 0
    assert b"Downloading the logs of run" in shown
    assert b"done." in shown
    assert b"\x1b[32mCompleted\x1b[0m" in shown


def test_quickstart(cli: Cli, store: str) -> None:
    assert "Runs within runs" in cli("quickstart").out


def test_the_config_folder_is_left_alone(folder: Path) -> None:
    done = bash(f"{SCRIPT} -h; {SCRIPT}", folder, HOME=str(folder))
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
