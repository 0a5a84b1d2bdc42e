"""What parsing a tracker's data adds to ``run show`` and to a page of All runs.

    python tests/benchmarks/parsing.py

Prints the time of each call on an embedded database, the time of all parsing in it, and their
ratio; the runs are as submit makes them, with all notes. The target is at most 5 %.
"""

from __future__ import annotations

import sys

sys.path.pop(0)  # the logging.py beside this is not Python's

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median
from typing import Any

RUNS, ROWS, TIMES = 200, 50, 9
TARGET = 0.05


def notes(place: int) -> dict[str, str]:
    """What a submitted script's run has."""
    definition = {
        "script": "train.py", "command": "", "arguments": ["--rate", str(place)] * 10,
        "target": "local", "sourceDirectory": ".", "framework": "Python",
        "communicator": "None", "nodeCount": 1,
        "environmentVariables": {f"NAME_{n}": "***" for n in range(10)},
        "environment": {"name": "e", "python": {"condaDependencies": {"dependencies": ["a"] * 20}}},
    }  # fmt: skip
    at = (datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=place)).isoformat()
    return {
        "target": "local", "script": "train.py", "definition": json.dumps(definition),
        "heartbeat": at, "heartbeat_seconds": "10",
        "job": json.dumps({"name": "0" * 32, "host": "machine"}),
        "launched": "ended", "warnings": json.dumps(["A file could not be stored."]),
        "error": json.dumps({"error": {"code": "UserError", "message": f"no file {place} " * 20}}),
    }  # fmt: skip


def seconds(call: Callable[[], Any]) -> float:
    """The median of several calls."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return median(taken)


@contextlib.contextmanager
def timed_parsing() -> Iterator[list[float]]:
    """The seconds of each call of ``parse`` within it, whichever module makes it."""
    from amlflow import tracker_data

    parse, taken = tracker_data.parse, []

    def timed(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return parse(*arguments)
        finally:
            taken.append(time.perf_counter() - begun)

    modules = [
        module
        for name, module in sys.modules.items()
        if name.startswith("amlflow") and getattr(module, "parse", None) is parse
    ]
    for module in modules:
        module.parse = timed  # type: ignore[attr-defined]
    yield taken
    for module in modules:
        module.parse = parse  # type: ignore[attr-defined]


def measure(folder: str) -> None:
    os.chdir(folder)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path(folder) / 'mlflow.db'}"
    os.environ["AMLFLOW_JOURNAL"] = "off"
    from amlflow import tracker_data
    from amlflow.cli import main
    from amlflow.core.experiment import Experiment
    from amlflow.core.workspace import Workspace
    from amlflow.spec import RunDraft, Status
    from amlflow_page import all_runs
    from amlflow_page.access import Everybody

    experiment = Experiment(Workspace.from_config(), "parsing")
    tracker = experiment._tracker
    records = tracker.create_runs(
        [
            RunDraft(
                experiment_id=experiment.id,
                status=Status.FAILED,
                created=datetime.now(timezone.utc) - timedelta(hours=1),
                type="azureml.scriptrun",
                system=notes(place),
            )
            for place in range(RUNS)
        ]
    )
    tracker.flush()

    def show() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            main(["run", "show", "-r", records[0].id])

    def page(*columns: str) -> None:
        # The other columns, which are shown unless one chooses, are of fields that each row has.
        all_runs.rows(tracker, Everybody(), {"size": ROWS, "columns": list(columns)})

    with timed_parsing() as taken:  # absent texts: nearly nothing but the timing's own time
        for _ in range(10_000):
            tracker_data.parse("run", "note", None, str)
    own_time = median(taken)
    for name, call in (
        ("run show", show),
        (f"page of {ROWS} runs", page),
        ("the same with the columns of scripts and errors", lambda: page("script", "error")),
    ):
        call()
        whole = seconds(call)
        rounds = []
        for _ in range(TIMES):
            with timed_parsing() as taken:
                call()
            rounds.append(sum(taken))
        parsing, count = max(0.0, median(rounds) - len(taken) * own_time), len(taken)
        verdict = "within" if parsing <= TARGET * whole else "OVER"
        print(
            f"{name}: {whole * 1000:.1f} ms, of which parsing {parsing * 1000:.2f} ms "
            f"in {count} calls ({parsing / whole:.1%}; {verdict} {TARGET:.0%})"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure(made)
