"""Output, bad input, help, shells and terminals of the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from amlflow.cli.commands import COMMANDS
from amlflow.core.runs.run import Run
from amlflow.query.document import FIELDS
from helpers import servers
from helpers.removal import enter_deleted_folder


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


# output


def test_each_output_format_shows_the_same_runs(
    cli: Any, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "list", "--last", "3", "-e", "explore", "-o")
    assert yaml.safe_load(cli(*words, "yaml").out) == json.loads(cli(*words, "json").out)
    assert cli(*words, "jsonc").out == cli(*words, "json").out  # no colours: no terminal
    assert cli(*words, "none").out == ""
    monkeypatch.setenv("AMLFLOW_CORE_OUTPUT", "none")
    assert cli(*words[:-1]).out == ""
    rows = cli(*words, "tsv").out.splitlines()
    assert [row.split("\t")[FIELDS.index("run_id")] for row in rows] == ids(runs)[:3]


def test_the_table_is_one_line_a_run(cli: Any, runs: list[Run]) -> None:
    runs[8].tag("note", "two\nlines\x1b[31m")
    lines = cli("run", "list", "--last", "12", "-o", "table").out.splitlines()
    assert lines[0].split() == ["Run", "Name", "Status", "Started", "Duration", "Tags"]
    assert len(lines) == 14
    assert re.search(r"number 11 +Completed +[\d-]+ [\d:]+ +0:00:0\d", lines[2])
    assert "quality=fantastic run, worth another look" in lines[6]
    assert "\x1b" not in "".join(lines)
    assert cli("run", "list", "-o", "table", "[0].tags").code == 0
    assert cli("run", "list", "-o", "table", "[?a]").out == ""


def test_the_result_is_written_to_a_new_file(cli: Any, run: Run, folder: Path) -> None:
    done = cli("run", "show", "-r", run.id, "-t", "out.json")
    assert json.loads((folder / "out.json").read_text()) == done.json
    again = cli("run", "update", "-r", run.id, "--add-tag", "a", "-t", "out.json")
    assert (again.code, "'out.json' exists already" in again.err) == (1, True)
    assert run.get_tags() == {}


def test_query_on_other_commands(cli: Any, run: Run) -> None:
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
    cli: Any, store: str, query: str, caret_under: str, reminds: bool
) -> None:
    done = cli("run", "list", "--query", query)
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    place = lines.index(f"    {query}")
    assert lines[place + 1].index("^") - 4 == len(query) - len(
        query[query.index(caret_under) :] if caret_under else ""
    )
    assert ("double quotes" in done.err) is reminds


def test_words_that_a_shell_has_split(cli: Any, store: str) -> None:
    done = cli("run", "list", "[?tags.quality==fantastic", "run]")
    assert (done.code, "double quotes" in done.err) == (2, True)


def test_a_bare_word_may_have_lost_its_quotes(cli: Any, run: Run) -> None:
    done = cli("run", "list", "[?tags.quality==fantastic]")
    assert (done.code, "'fantastic'" in done.err) == (0, True)


def test_a_query_that_fails_on_these_runs(cli: Any, run: Run) -> None:
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
        (["run", "submit-script", "missing.py"], "missing.py"),
        (["run", "submit-script", "--ct", "nowhere", "a.py"], "nowhere"),
        (["run", "submit-script", "--source-directory", "nowhere", "a.py"], "nowhere"),
    ],
)
def test_what_does_not_exist(cli: Any, run: Run, words: list[str], name: str) -> None:
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
        (["run", "submit-script"], "needs a script"),
    ],
)
def test_wrong_usage(cli: Any, store: str, words: list[str], piece: str) -> None:
    done = cli(*words)
    assert (done.code, done.out) == (2, "")
    assert piece in done.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("run show X", "run show -r X"),
        ("run cancel X -e explore", "run cancel -e explore -r X"),
        ("run show", "run show -r RUN_ID"),
        ("run show -r", "run show -r RUN_ID"),
        ("run show --run_id X", "run show --run X"),
        ("run list explore", "run list -e explore"),
        ("run list my-experiment", "run list -e my-experiment"),
        ("run list 5", "run list --last 5"),
        ("run list Completed -e explore", "run list -e explore --status Completed"),
        ("run list -r X", "run show -r X"),
        ("run list -e", "run list -e EXPERIMENT_NAME"),
        ("-e explore run list", "run list -e explore"),
        ("run -e explore list", "run list -e explore"),
        ("list run", "run list"),
        ("show run -r X", "run show -r X"),
        ("metrics X", "run metrics -r X"),
        ("run update -r X quality=good", "run update -r X --add-tag quality=good"),
        ("run update X quality=good", "run update -r X --add-tag quality=good"),
        ("run delete-tag -r X quality", "run delete-tag -r X --key quality"),
        ("run download-logs -r X out", "run download-logs -r X -d out"),
        ("computetarget show local", "computetarget show -n local"),
        ("workspace show w", "workspace show -w w"),
        ("folder attach work", "folder attach --path work"),
        ("run submit-script", "run submit-script -c local"),
    ],
)
def test_arguments_in_wrong_places(cli: Any, store: str, words: str, line: str) -> None:
    done = cli(*words.split())
    assert (done.code, done.out) == (2, "")
    assert f"It is `amlflow {line}" in done.err


def test_where_nothing_can_be_said_no_line_is_shown(cli: Any, store: str) -> None:
    for words in (["sync", "X"], ["run"], ["rnu", "lst"], ["experiment", "list", "x", "y"]):
        done = cli(*words)
        assert (done.code, "It is `" in done.err) == (2, False)


def test_a_store_that_does_not_answer(cli: Any, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{servers.free_port()}")
    done = cli("run", "list")
    assert (done.code, "secret" in done.err) == (1, False)


# help, completion, shells


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(cli: Any, command: str) -> None:
    done = cli(*command.split(), "-h")
    assert done.code == 0
    assert "Examples" in done.out
    assert re.search(r"amlflow " + command, done.out)


def test_help_of_groups(cli: Any) -> None:
    done = cli("--help")
    for group in ("run", "experiment", "workspace", "computetarget", "folder"):
        assert re.search(rf"^ +{group} +: \w", done.out, re.M)
    assert "submit-script" in cli("run", "--help").out


SCRIPT = shutil.which("amlflow", path=str(Path(sys.executable).parent)) or "amlflow"


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(SCRIPT).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env=servers.clean_environment(PATH=path, **environment),
    )  # fmt: skip


def test_a_closed_pipe_is_no_error(run: Run, folder: Path, store: str) -> None:
    script = f"{SCRIPT} run list | head -1; {SCRIPT} -h | true; echo ${{PIPESTATUS[0]}}"
    # Without a buffer, Python would write at once, and not find the pipe closed when it ends.
    done = bash(script, folder, MLFLOW_TRACKING_URI=store, PYTHONUNBUFFERED="")
    assert done.stdout.splitlines() == ["[", "141"]
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


def test_nothing_is_shown_of_progress_without_a_terminal(cli: Any, run: Run) -> None:
    assert "Downloading" not in cli("run", "download-logs", "-r", run.id, "-d", "out").err


def test_progress_and_colours_on_a_terminal(run: Run, folder: Path, store: str) -> None:
    run.complete()
    (folder / "a.txt").write_text("a")
    script = (
        f"import sys; from amlflow.cli import main; main(['run', 'download-logs', '-r', '{run.id}',"
        " '-d', 'out']); main(['run', 'list', '-o', 'table']);"
        " main(['datastore', 'upload', '-n', 'workspaceblobstore', '-p', 'a.txt'])"
    )
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdout=follower, stderr=follower,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=store),
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
    assert b"Storing a.txt in datastore workspaceblobstore" in shown
    assert shown.count(b"done.") == 2
    assert b"\x1b[32mCompleted\x1b[0m" in shown


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that a process is in")
def test_a_server_and_an_absolute_path_need_no_working_folder(
    cli: Any, server_uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_deleted_folder(folder, monkeypatch)
    for uri in (server_uri, f"sqlite:///{folder}/mlflow.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        done = cli("run", "list", "--last", "1")
        assert (done.code, done.err) == (0, "")
    assert "The working folder was deleted" in cli("run", "list", "--path", "below").err


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that a process is in")
@pytest.mark.parametrize(
    "words", ["run list", "folder attach -w w", "sync", "run download -r x -d y"]
)
def test_a_working_folder_that_was_deleted_is_named(
    cli: Any, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    enter_deleted_folder(folder, monkeypatch)
    done = cli(*words.split())
    assert (done.code, done.out) == (1, "")
    assert "The working folder was deleted" in done.err


def test_quickstart(cli: Any, store: str) -> None:
    assert "Runs within runs" in cli("quickstart").out


def test_the_config_folder_is_left_alone(folder: Path) -> None:
    done = bash(f"{SCRIPT} -h; {SCRIPT}", folder, HOME=str(folder))
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
