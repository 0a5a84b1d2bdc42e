"""Commands on a run's files, differences, charts and deletion."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.cli import links, output, tensorboard
from amlflow.cli.app import App
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.testing.memory import MemoryTracker


def upload(run: Run, **files: str) -> None:
    """Store texts as the run's files; ``__`` in a name stands for a slash."""
    for name, text in files.items():
        Path("content").write_text(text)
        run.upload_file(name.replace("__", "/"), "content")


# files and logs


def test_download_writes_files_logs_and_the_snapshot(
    cli: Any, experiment: Experiment, folder: Path
) -> None:
    (folder / "source").mkdir()
    (folder / "source" / "train.py").write_text("print(1)")
    run = experiment.start_logging(snapshot_directory="source")
    upload(run, outputs__model="m", logs__a="one line")
    done = cli("run", "download", "-r", run.id, "-d", "all").json
    assert done == {
        "files": [str(Path("all/logs/a")), str(Path("all/outputs/model"))],
        "snapshot": str(folder / "all" / "snapshot"),
    }
    assert (folder / "all/snapshot/train.py").read_text() == "print(1)"
    assert (folder / "all/outputs/model").read_text() == "m"
    only = cli("run", "download", "-r", run.id, "-d", "logs-only", "--only", "logs").json
    assert only == {"files": [str(Path("logs-only/logs/a"))], "snapshot": None}
    only = cli("run", "download", "-r", run.id, "-d", "s", "--only", "snapshot").json
    assert only["files"] == []
    assert (folder / "s/snapshot/train.py").exists()


def test_a_run_without_a_snapshot(cli: Any, run: Run) -> None:
    assert cli("run", "download", "-r", run.id, "-d", "all").json["snapshot"] is None
    done = cli("run", "download", "-r", run.id, "-d", "all", "--only", "snapshot")
    assert (done.code, "has no snapshot" in done.err) == (3, True)


def test_logs_prints_the_text_itself(cli: Any, run: Run) -> None:
    done = cli("run", "logs", "-r", run.id)
    assert (done.code, done.out) == (0, "")
    assert "has no logs" in done.err
    upload(run, logs__a='{"not": "quoted"}')
    assert cli("run", "logs", "-r", run.id).out == '{"not": "quoted"}\n'
    upload(run, user_logs__b="two\n")
    expected = '==> logs/a <==\n{"not": "quoted"}\n==> user_logs/b <==\ntwo\n'
    assert cli("run", "logs", "-r", run.id).out == expected


# differences


def test_compare_shows_what_differs_and_nothing_else(
    cli: Any, experiment: Experiment, folder: Path
) -> None:
    runs = []
    for number in (1, 2):
        source = folder / f"source{number}"
        source.mkdir()
        (source / "same.py").write_text("same")
        (source / "train.py").write_text("x" * number)
        (source / f"only{number}.py").write_text("")
        run = experiment.start_logging(snapshot_directory=str(source))
        run.add_properties({"author": "me", "fold": number})
        run.set_tags({"both": "yes", "bare": None, f"own{number}": "x"})
        run.log("loss", 1 / number)
        run.log("same", 3)
        runs.append(run)
    runs[1].complete()
    left, right = runs
    done = cli("run", "compare", left.id, right.id).json
    assert done.pop("runs") == [left.id, right.id]
    assert done.pop("properties")["fold"] == ["1", "2"]
    assert done == {
        "status": {"status": ["Running", "Completed"]},
        "tags": {"own1": ["x", None], "own2": [None, "x"]},
        "params": {},
        "metrics": {"loss": [1.0, 0.5]},
        "environment": {},
        "snapshot": {"only1.py": [0, None], "only2.py": [None, 0], "train.py": [1, 2]},
    }
    table = cli("run", "compare", left.id, right.id, "-o", "table").out
    assert table.splitlines()[0].split() == ["Of", "Key", left.id, right.id]
    assert ["metrics", "loss", "1.0", "0.5"] in [line.split() for line in table.splitlines()]
    same = cli("run", "compare", left.id, left.id)
    assert {key: value for key, value in same.json.items() if value} == {"runs": [left.id] * 2}
    assert "nothing differs" in cli("run", "compare", left.id, left.id, "-o", "table").out


# deletion


def test_a_run_is_deleted_and_restored(cli: Any, run: Run) -> None:
    refused = cli("run", "delete", "-r", run.id)
    assert (refused.code, "is Running" in refused.err) == (1, True)
    run.complete()
    assert f"amlflow run restore -r {run.id}" in cli("run", "delete", "-r", run.id).json
    assert cli("run", "list").json == []
    assert cli("run", "show", "-r", run.id).json["run_id"] == run.id
    assert "is restored" in cli("run", "restore", "-r", run.id).json
    assert [each["run_id"] for each in cli("run", "list").json] == [run.id]


def test_a_tracker_that_cannot_delete_runs_says_so(
    cli: Any, run: Run, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow.spec import TrackerBase

    run.complete()
    monkeypatch.setattr(MemoryTracker, "delete_run", TrackerBase.delete_run)
    done = cli("run", "delete", "-r", run.id)
    assert (done.code, done.out) == (1, "")
    assert "cannot delete a run and restore it" in done.err


def test_experiments_are_created_shown_deleted_and_restored(cli: Any, run: Run) -> None:
    created = cli("experiment", "create", "-e", "new").json
    assert created["name"] == "new"
    again = cli("experiment", "create", "-e", "new")
    assert (again.code, "exists already" in again.err) == (1, True)
    assert cli("experiment", "delete", "-e", "explore").code == 0
    assert cli("experiment", "delete", "-e", "explore").code == 1
    assert cli("experiment", "show", "-n", "explore").json["archived_time"] is not None
    assert cli("run", "list").json == []
    assert cli("experiment", "restore", "-e", "explore").code == 0
    assert cli("experiment", "restore", "-e", "explore").code == 1
    assert [each["run_id"] for each in cli("run", "list").json] == [run.id]


# charts, pages, TensorBoard


def test_metrics_are_plotted(cli: Any, run: Run) -> None:
    none = cli("run", "metrics", "-r", run.id, "--plot")
    assert (none.code, "no metric to plot" in none.err) == (1, True)
    for number in range(20):
        run.log("loss", float("nan") if number == 3 else 1 / (number + 1))
    run.log("text", "x")
    done = cli("run", "metrics", "-r", run.id, "--plot")
    lines = done.out.splitlines()
    assert "loss" in lines[0]
    assert "\x1b" not in done.out
    assert len(lines) <= 20
    assert "1.00" in done.out


def test_without_plotext_the_command_that_adds_it_is_named(
    cli: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'amlflow[plot]'" in cli("run", "metrics", "-r", run.id, "--plot").err
    assert "pip install tensorboard" in cli("run", "monitor-tensorboard", "-r", run.id).err


def test_a_page_opens_in_a_browser_if_something_answers(
    cli: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://127.0.0.1:1/#/runs/x"
    opened: list[str] = []
    monkeypatch.setattr(MemoryTracker, "run_link", lambda *_: address)
    monkeypatch.setattr(links.webbrowser, "open", opened.append)  # type: ignore[attr-defined]

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    piped = cli("run", "open", "-r", run.id, "-o", "tsv")
    assert (piped.out, piped.err, opened) == (f"{address}\n", "", [])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "`amlflow ui` shows the run there" in cli("run", "open", "-r", run.id).err
    assert opened == []
    monkeypatch.setattr(socket, "create_connection", lambda *_: socket.socket())
    assert cli("run", "open", "-r", run.id).err == ""
    assert opened == [address]
    assert links.answers("https://mlflow.example/#/x")


def test_tensorboard_gets_the_event_files(
    cli: Any, run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    upload(run, **{"logs__events.out.tfevents.1": "events", "outputs__model": "m"})
    run.complete()
    commands = []

    class Process:
        def __init__(self, command: list[str], **_: Any) -> None:
            commands.append(command)

        def wait(self, timeout: float | None = None) -> int:
            return 0

        def terminate(self) -> None:
            pass

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(tensorboard.subprocess, "Popen", Process)  # type: ignore[attr-defined]
    assert cli("run", "monitor-tensorboard", "-r", run.id, "--local-directory", "tb").code == 0
    assert commands == [[sys.executable, "-m", "tensorboard.main", "--logdir", "tb"]]
    files = [path for path in (folder / "tb").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["events.out.tfevents.1"]


def test_version_names_the_plugins(cli: Any) -> None:
    version = cli("version").json
    assert set(version) == {"amlflow", "python", "system", "plugins"}
    assert version["plugins"]["mlflow"].startswith("amlflow ")


# tables


ROWS = [
    {"run_id": "a" * 32, "status": "Completed", "display_name": "n" * 70, "tags": {"t": "v" * 50}},
    {"run_id": "b" * 32, "status": "Failed", "display_name": "日本語" * 20, "tags": {}},
]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_fits_the_terminal_and_keeps_the_ids(width: int) -> None:
    from amlflow.cli import tables
    from rich.cells import cell_len

    text = output.format_result(ROWS, "table", False, tables.runs, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "a" * 32 in text
    assert "…" in text
    assert "\x1b" not in text
    colored = output.format_result(ROWS, "table", True, tables.runs, width)
    assert "\x1b[32mCo" in colored
    plain = output.format_result(ROWS, "table", False, tables.runs)
    assert "n" * 70 in plain


@pytest.mark.parametrize(
    ("variables", "allowed"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_follow_the_terminal_and_the_users_wish(
    variables: dict[str, str], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(App, "_should_enable_color", lambda _: True)  # as in a terminal
    assert App().enable_color is allowed
