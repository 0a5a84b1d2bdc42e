"""What trackio itself makes of what amlflow writes to its folder, and the other way round."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from amlflow.core.project.tracking_uri import local_folders
from amlflow.plugins import open_tracker
from amlflow.spec import (
    ExperimentRecord,
    Kind,
    Refused,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
    Unsupported,
)
from amlflow.testing.suites.base import current, new_point
from amlflow_trackio.projects import project_name
from helpers import servers

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63f8cfc0f01f0005000001ff5690ae0000000049454e44ae426082"
)


@pytest.fixture
def tracker(trackio_uri: str) -> Tracker:
    return open_tracker(trackio_uri)


@pytest.fixture
def experiment(tracker: Tracker) -> ExperimentRecord:
    return tracker.ensure_experiment("explore-runs")


@pytest.fixture
def make(tracker: Tracker, experiment: ExperimentRecord) -> Callable[..., RunRecord]:
    def made(**values: Any) -> RunRecord:
        draft = RunDraft(**{"experiment_id": experiment.id, "created": current(), **values})
        return tracker.create_runs([draft])[0]

    return made


def by_trackio(folder: Path, code: str, *arguments: str) -> Any:
    """What trackio itself prints as JSON for some code, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys, trackio\n{code}", *arguments],
        env=servers.clean_environment(TRACKIO_DIR=str(folder)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Page:
    """A running ``trackio show``."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, name: str, **arguments: Any) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api/{name}", json.dumps(arguments).encode()
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def file(self, path: Path) -> bytes:
        with urllib.request.urlopen(f"{self.address}/file?path={quote(str(path))}") as answer:
            return bytes(answer.read())


@pytest.fixture
def folder(trackio_uri: str) -> Path:
    return Path(trackio_uri.removeprefix("trackio://"))


@pytest.fixture
def page(folder: Path) -> Iterator[Page]:
    port = servers.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "trackio.cli", "show"],
        env=servers.clean_environment(
            TRACKIO_DIR=str(folder), GRADIO_SERVER_PORT=str(port), BROWSER="true"
        ),
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/version", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        servers.wait_for(ready, process, 60)
        yield Page(address)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_page_shows_runs_numbers_images_and_tables(
    tracker: Tracker,
    experiment: ExperimentRecord,
    make: Callable[..., RunRecord],
    folder: Path,
    page: Page,
    tmp_path: Path,
) -> None:
    parent = make(name="parent", tags={"quality": "great", "bare": None})
    run = make(name="before", parent_id=parent.id, root_id=parent.id, properties={"author": "me"})
    image = tmp_path / "pixel.png"
    image.write_bytes(PIXEL)
    tracker.put_files(run.id, {"plot_1.png": image})
    points = [
        new_point("loss", 1.0, order=0),
        new_point("loss", 2**60, order=1),
        new_point("loss", float("nan"), order=2),
        new_point("loss", "text", order=3),
        new_point("done", True),
        new_point("list", [5, 6.5], kind=Kind.LIST),
        new_point("step", 7, step=70),
        new_point("row", {"x": 1, "word": "a"}, kind=Kind.ROW),
        new_point("table", {"größe": [1, 2.5], "b": ["x", None]}, kind=Kind.TABLE),
        new_point("plot", "plot_1.png", kind=Kind.IMAGE),
        new_point("elsewhere", "missing.png", kind=Kind.IMAGE),
    ]
    tracker.write_points(run.id, points)
    tracker.write_points(run.id, points)
    change = RunChange(name="after", status="Completed", tags={"seen": "yes"}, description="*why*")
    tracker.update_run(run.id, change)
    tracker.write_points(run.id, [new_point("loss", 0.5, order=4)])
    for writer in ("one", "another"):  # at the same moment
        tracker.write_points(run.id, [new_point("both", 1.0, writer=writer)])

    assert page.ask("get_all_projects") == ["explore-runs"]
    shown = page.ask("get_runs_for_project", project="explore-runs")
    assert [(each["id"], each["name"]) for each in shown] == [
        (run.id, "after"),
        (parent.id, "parent"),
    ]
    configs = page.ask("get_run_configs", project="explore-runs")
    visible = [
        {key: value for key, value in configs[each.id].items() if not key.startswith("_")}
        for each in (run, parent)
    ]
    assert visible == [
        {
            "status": "Completed",
            "description": "*why*",
            "parent": parent.id,
            "tag.seen": "yes",
            "property.author": "me",
        },
        {"status": "Running", "tag.quality": "great", "tag.bare": ""},
    ]
    logs = page.ask("get_logs", project="explore-runs", run="after", run_id=run.id)
    assert [(each["step"], each["loss"]) for each in logs if "loss" in each] == [
        (0, 1.0),
        (1, 2**60),
        (2, None),  # not a number in JSON
        (4, 0.5),
    ]
    assert [each["both"] for each in logs if "both" in each] == [1.0, 1.0]
    values = {
        key: (each["step"], value)
        for each in logs
        for key, value in each.items()
        if key not in ("step", "timestamp", "loss", "both")
    }
    path = values.pop("plot")[1]["file_path"]
    assert values == {
        "done": (0, 1),
        "list": (1, 6.5),
        "__step": (70, 7),
        "row/x": (0, 1),
        "table": (
            0,
            {
                "_type": "trackio.table",
                "_value": [{"größe": 1, "b": "x"}, {"größe": 2.5, "b": None}],
            },
        ),
    }
    assert page.file(folder / "media" / path) == PIXEL
    flags = page.ask("get_tab_availability", project="explore-runs")
    assert flags["metrics"]
    assert flags["media"]


def test_what_trackio_logs_to_a_run_is_read(
    tracker: Tracker, make: Callable[..., RunRecord], folder: Path
) -> None:
    run = make(name="shared")
    tracker.write_points(run.id, [new_point("loss", 1.0)])
    code = """
config = {"rate": 0.1, "kind": "cnn", "layers": [1, 2], "tag.no": "amlflow's"}
with_config = trackio.init("explore-runs", name="shared", resume="must", config=config)
trackio.log({"loss": 2.5, "note": "from trackio", "best": float("inf")}, step=3)
trackio.finish()
print(json.dumps("done"))
"""
    by_trackio(folder, code)
    found = [(each.name, each.value, each.position) for each in tracker.read_points(run.id)]
    assert found == [
        ("loss", 1.0, 0),
        ("loss", 2.5, 3),
        ("note", "from trackio", 3),
        ("best", float("inf"), 3),
    ]
    assert [each.value for each in tracker.read_points(run.id, ["best"])] == [float("inf")]
    tracker.update_run(run.id, RunChange(tags={"seen": "yes"}))
    params = {"rate": "0.1", "kind": "cnn", "layers": "[1, 2]"}
    assert tracker.get_run(run.id).params == params
    assert [each.params for each in tracker.find_runs(RunQuery())] == [params]
    code = "from trackio.sqlite_storage import SQLiteStorage as S\n"
    code += "print(json.dumps(S.get_run_config('explore-runs', run_id=sys.argv[1])))"
    config = by_trackio(folder, code, run.id)
    assert (config["rate"], config["tag.seen"]) == (0.1, "yes")


def test_a_run_that_the_page_renames_stays_one(
    tracker: Tracker, make: Callable[..., RunRecord], folder: Path
) -> None:
    run = make(name="ours")
    tracker.write_points(run.id, [new_point("loss", 1.0)])
    code = """
from trackio.sqlite_storage import SQLiteStorage as S
for name in sys.argv[2:]:
    S.rename_run("explore-runs", S.get_runs("explore-runs")[0], name, sys.argv[1])
print(json.dumps(S.get_runs("explore-runs")))
"""
    assert by_trackio(folder, code, run.id, "theirs") == ["theirs"]
    tracker.write_points(run.id, [new_point("loss", 0.5, order=1)])
    tracker.update_run(run.id, RunChange(tags={"seen": "yes"}))
    assert by_trackio(folder, code, run.id) == ["theirs"]
    tracker.update_run(run.id, RunChange(name="ours again"))
    assert by_trackio(folder, code, run.id) == ["ours again"]


AWKWARD_NAMES = [
    "my.model",
    "mymodel",
    "My.Model",
    "registry-x",
    "a_system",
    "",
    "../up",
    "日本 x",
    "n" * 300,
]


def test_each_experiment_is_a_project_of_its_own(tracker: Tracker, folder: Path) -> None:
    made = [tracker.ensure_experiment(name) for name in AWKWARD_NAMES]
    assert len({each.id.lower() for each in made}) == len(made)
    code = "from trackio.sqlite_storage import SQLiteStorage as S\n"
    code += "[S.validate_project_name(each) for each in sys.argv[1:]]\n"
    code += "print(json.dumps([S.get_project_db_filename(each) for each in sys.argv[1:]]))"
    ids = [each.id for each in made]
    assert by_trackio(folder, code, *ids) == [f"{each}.db" for each in ids]
    assert project_name("explore-runs", 1) == "explore-runs"


def test_folders_are_trackios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACKIO_DIR", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    code = "from amlflow_trackio.folders import folder_of\n"
    code += "print(json.dumps([str(trackio.utils.TRACKIO_DIR), str(folder_of('trackio://'))]))"
    for name, value in {"XDG_CACHE_HOME": "/cache", "HF_HOME": "~/hf/$USER", "NONE": ""}.items():
        done = subprocess.run(
            [sys.executable, "-c", f"import json, trackio.utils\n{code}"],
            env=servers.clean_environment(**{name: value}), capture_output=True, check=True,
        )  # fmt: skip
        theirs, ours = json.loads(done.stdout)
        assert theirs == ours
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "my folder"))
    tracker = open_tracker("trackio://")
    assert tracker.uri == f"trackio://{quote(str(tmp_path / 'my folder'))}"
    assert open_tracker(tracker.uri).ensure_experiment("x").id == "x"
    # What a container must see of this machine.
    assert local_folders(tracker.uri) == [str(tmp_path / "my folder")]


def no_package(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


def test_what_cannot_be_had(
    tracker: Tracker,
    make: Callable[..., RunRecord],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Unsupported, match=r"'trackio://example\.org/x' names a server"):
        open_tracker("trackio://me:secret@example.org/x")
    monkeypatch.setattr(importlib.metadata, "version", no_package)
    new = open_tracker(f"trackio://{tmp_path}/other")
    draft = RunDraft(experiment_id=new.ensure_experiment("e").id, created=current())
    with pytest.raises(Unsupported, match=r"pip install 'amlflow\[trackio\]'"):
        new.create_runs([draft])
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(Refused, match="cannot be trackio's"):
        open_tracker(f"trackio://{blocked}")


def test_another_layout_is_refused(tracker: Tracker, folder: Path) -> None:
    with sqlite3.connect(folder / "newer.db") as connection:
        connection.executescript(
            "CREATE TABLE metrics (id, values_as_they_come); PRAGMA user_version = 99;"
        )
    experiment = tracker.ensure_experiment("newer")
    with pytest.raises(Unsupported, match=r"newer\.db"):
        tracker.create_runs([RunDraft(experiment_id=experiment.id, created=current())])


def test_a_project_of_an_older_trackio_is_brought_up_to_date(
    tracker: Tracker, make: Callable[..., RunRecord], folder: Path
) -> None:
    with sqlite3.connect(folder / "explore-runs.db") as connection:
        connection.executescript(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,"
            " run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);"
            "INSERT INTO metrics VALUES (1, '2024-01-01T00:00:00', 'old', 0, '{\"a\": 1}');"
        )
    run = make(name="new")
    tracker.write_points(run.id, [new_point("loss", 1.0)])
    code = "from trackio.sqlite_storage import SQLiteStorage as S\n"
    code += "print(json.dumps(S.get_runs('explore-runs')))"
    assert by_trackio(folder, code) == ["old", "new"]
    with pytest.raises(Refused, match="has runs"):
        tracker.delete_experiment("explore-runs")


def test_a_script_that_logs_does_not_import_trackio(trackio_uri: str, tmp_path: Path) -> None:
    code = """
import sys
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), "e").start_logging()
run.log("loss", 1.0)
run.complete()
print(run.get_metrics(), "trackio" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=trackio_uri),
    )  # fmt: skip
    assert done.stdout.strip() == "{'loss': 1.0} False", done.stderr
