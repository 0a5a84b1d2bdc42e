"""The code that "Copy as" copies returns the runs that the page lists, in the same order."""

from __future__ import annotations

import json
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.plugins import load_plugins
from amlflow.run_errors import to_error
from amlflow.spec import TICK, Point, RunChange, RunDraft, Status, hookimpl
from amlflow.testing.memory import MemoryTracker
from amlflow_page import all_runs
from amlflow_page.access import Everybody
from helpers.command_line import Cli
from helpers.tools import need

STATIC = Path(all_runs.__file__).parent / "static"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
WRITE = """
const [{ standard }, { asCommand, asPython }, { understand }] = await Promise.all(
  ["definition", "copying", "understand"].map((name) => import(process.argv[1] + name + ".js")),
);
const written = JSON.parse(process.argv[2]).map((part) => {
  const shown = { ...standard(), ...part };
  const { query, text } = understand(shown.query);
  // As the page asks the server.
  const request = { ...shown, query, text: [shown.text, text].filter(Boolean).join(" ") };
  return { request, command: asCommand(shown), python: asPython(shown) };
});
console.log(JSON.stringify(written));
"""
SHOWN: list[dict[str, Any]] = [
    {},
    {"text": "ALPHA first"},
    {"query": "memory status:failed"},
    {"query": "-1 it's"},
    {"children": True, "sort": "name"},
    {"children": True, "query": "tag:stage", "sort": "-tag:stage"},
    {"sort": "duration"},
    {"sort": "-duration", "text": "a"},
    {"sort": "created"},
    {"sort": "-ended"},
    {"sort": "status", "tags": ["stage"]},
    {"sort": "-experiment", "experiments": ["first", "second"]},
    {"sort": "target", "targets": ["sdk", "gpu"]},
    {"sort": "submitter"},
    {"sort": "description"},
    {"sort": "-metric:val/loss"},
    {"sort": "metric_min:val/loss", "query": "metric:val/loss"},
    {"sort": "-param:none", "statuses": ["Completed", "Failed"]},
    {"sort": "property:author", "tags": ["stage=it's"]},
    {"query": "[?status == 'Failed' || name]", "tags": ["bare"], "sort": "-name"},
    {"query": 'sort_by([?metrics."val/loss"], &metrics."val/loss")', "sort": "name"},
    {"query": "sort_by(@, &name)", "statuses": ["Completed"], "text": "a"},
    {"changed": {"kind": "new", "since": "2026-01-01T00:00:02+00:00"}, "sort": "name"},
    {"changed": {"kind": "failed", "since": "2026-01-01T00:00:01+00:00"}},
    {"changed": {"kind": "ended", "since": "2026-01-01T00:00:08+00:00"}},
    {"query": "name:alpha until:2026-02-01 param:none!=1"},
]


@pytest.fixture(scope="module")
def tracker() -> Iterator[MemoryTracker]:
    tracker = MemoryTracker(f"memory://copies-{uuid.uuid4().hex}")
    first, second = (tracker.ensure_experiment(name).id for name in ("first", "second"))
    tracker.ensure_experiment("amlflow.views")
    names = ["alpha", "Beta", "gamma -1 it's", "alpha", "delta"]
    for place, name in enumerate(names):
        created = START + timedelta(seconds=place)
        status = (Status.COMPLETED, Status.FAILED, Status.RUNNING)[place % 3]
        failure = {"error": json.dumps(to_error("out of memory"))}
        draft = RunDraft(
            experiment_id=second if place % 2 else first,
            name=name,
            created=created,
            tags=({}, {"stage": "it's"}, {"stage": None, "bare": ""}, {"stage": "prod"})[place % 4],
            properties={"author": name} if place else {},
            system={**(failure if status == Status.FAILED else {}), "target": "gpu"}
            if place % 2
            else {},
        )
        [run] = tracker.create_runs([draft])
        ended = None if status == Status.RUNNING else created + timedelta(seconds=9 - place)
        tracker.update_run(
            run.id,
            RunChange(status=status, started=created, ended=ended, description="d" * (place % 2)),
        )
        points = [
            Point(name="val/loss", value=value, order=order, time=START + order * TICK, writer="a")
            for order, value in enumerate([3.0 - place, float(place)][: place % 3])
        ]
        tracker.write_points(run.id, points)
    tracker.create_runs(
        [
            RunDraft(
                experiment_id=run.experiment_id,
                name=f"alpha child {number}",
                created=START + timedelta(seconds=20),
                parent_id=run.id,
                root_id=run.id,
                tags={"stage": str(number)},
            )
            for number in range(3)
        ]
    )
    plugin = SimpleNamespace(
        amlflow_tracker=hookimpl(lambda uri: tracker if uri == tracker.uri else None)
    )
    load_plugins().manager.register(plugin, name="copies-tests")
    yield tracker
    load_plugins().manager.unregister(plugin)


@pytest.fixture(scope="module")
def copies() -> list[dict[str, Any]]:
    done = subprocess.run(
        [
            need("node"), "--input-type=module", "-e", WRITE, f"{STATIC.as_uri()}/",
            json.dumps(SHOWN),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written: list[dict[str, Any]] = json.loads(done.stdout)
    return written


@pytest.mark.parametrize("place", range(len(SHOWN)), ids=[json.dumps(each) for each in SHOWN])
def test_a_copy_gives_the_runs_of_the_list(
    tracker: MemoryTracker,
    copies: list[dict[str, Any]],
    place: int,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    # A folder that is attached to one of the experiments.
    Workspace.from_config().write_config()
    copy = copies[place]
    answer = all_runs.rows(tracker, Everybody(), {**copy["request"], "size": 200})
    listed = [row["id"] for row in answer["rows"]]
    assert listed
    program, *arguments = shlex.split(copy["command"])
    assert program == "amlflow"
    assert [run["run_id"] for run in Cli(capsys)(*arguments).json] == listed
    names: dict[str, Any] = {}
    exec(copy["python"], names)
    assert [run.id for run in names["runs"]] == listed
