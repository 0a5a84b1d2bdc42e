"""amlflow's client beside MLflow: ``python tests/benchmarks/small_install.py``.

The ratios of the other benchmarks, with amlflow in an environment without MLflow, as
``pip install amlflow`` makes it. Each side is a process of its own, and both act in turn.
"Processor" is the ratio of their processor time, which other programs change less. Arguments choose
what is measured: ``sqlite`` or ``server``, and words of the lines.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import many_runs
from helpers import servers
from runs import filled, make_client, server

WORKER = """
import json, os, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what MLflow prints is not an answer
names = {}
for line in sys.stdin:
    code = compile(json.loads(line), "<benchmark>", "exec")
    begun = time.perf_counter(), time.process_time()
    exec(code, names)
    taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
    print(json.dumps(taken), file=answers, flush=True)
"""
OURS = """
import os
from azureml.core import Experiment, Workspace
workspace = Workspace("s", "g", "w")
many, new = Experiment(workspace, "many"), Experiment(workspace, "new")
assert "mlflow" not in __import__("sys").modules

def values(count):
    run = new.start_logging(snapshot_directory=None, outputs=False)
    for number in range(count):
        run.log("m", number / 7)
    run.complete()

def wide():
    run = new.start_logging(snapshot_directory=None, outputs=False)
    for number in range(1000):
        run.log(f"m{number % 200}", number / 7)
    run.complete()
    return run

def found():
    runs = many.get_runs(tags={"quality": "fantastic run"}, properties={"author": "azureml-user"})
    assert len(list(runs)) == 20

THIRD = "[?properties.author=='azureml-user' && tags.quality=='fantastic run']"
SECOND = "[?tags.keys(@)[?starts_with(@, 'worth another look')]]"
parent = new.start_logging(snapshot_directory=None, outputs=False)
logged = new.start_logging(snapshot_directory=None, outputs=False)
values(20)
"""
THEIRS = """
import logging, os, time
from concurrent.futures import ThreadPoolExecutor
THREADS = 1 if os.environ["MLFLOW_TRACKING_URI"].startswith("sqlite") else 8
logging.getLogger("mlflow").setLevel(logging.ERROR)
from mlflow import MlflowClient
from mlflow.entities import Metric
client = MlflowClient()
many = client.get_experiment_by_name("many").experiment_id
new = client.create_experiment("theirs")
parent = client.create_run(new).info.run_id
BEST = "params.`property.author` = 'azureml-user' AND tags.quality = 'fantastic run'"

def values(count):
    run = client.create_run(new).info.run_id
    for first in range(0, count, 1000):
        now = int(time.time() * 1000)
        numbers = range(first, min(count, first + 1000))
        client.log_batch(run, [Metric("m", n / 7, now, n) for n in numbers])
    client.set_terminated(run)
    return run

def wide():
    run = client.create_run(new).info.run_id
    now = int(time.time() * 1000)
    client.log_batch(run, [Metric(f"m{n % 200}", n / 7, now, n // 200) for n in range(1000)])
    return run

def read(run):
    names = list(client.get_run(run).data.metrics)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda name: client.get_metric_history(run, name), names))

def all_runs():
    token = None
    while True:
        page = client.search_runs([many], page_token=token)
        token = page.token
        if not token:
            return

values(20)
for _ in range(20):
    client.search_runs([many], BEST)
    client.create_run(new)
"""
WORKS: tuple[tuple[str, str, str, str, str, int], ...] = (
    # what, amlflow's code, MLflow's code, target, "sqlite" or "server" or both, rounds
    ("a run of 20 values / create_run, log_batch, set_terminated",
     "values(20)", "values(20)", "<= 1.2", "both", 41),
    ("20,000 run.log and complete() / log_batch by hand",
     "values(20_000)", "values(20_000)", "<= 1.3", "both", 3),
    ("get_runs, 20 of 20,000 runs / search_runs",
     "found()", "assert len(client.search_runs([many], BEST)) == 20", "<= 1.5", "both", 9),
    ("the guide's third query / search_runs",
     "assert len(many.query(THIRD)) == 20", "client.search_runs([many], BEST)",
     "<= 1.5", "both", 9),
    ("starts_with on keys / reading all by search_runs",
     "assert len(many.query(SECOND)) == 20", "all_runs()", "<= 1.3", "sqlite", 1),
    ("get_metrics of 20,000 points / get_metric_history",
     "assert len(long.get_metrics()['m']) == 20_000", "read(long)", "<= 1.1", "both", 5),
    ("get_metrics of 200 names / get_run and get_metric_history",
     "assert len(broad.get_metrics()) == 200", "read(broad)", "<= 1.1", "both", 5),
    ("100 create_run calls / create_children(100)",
     "parent.create_children(100)",
     "for _ in range(100): client.create_run(new, tags={'mlflow.parentRunId': parent})",
     ">= 4", "server", 3),
    ("a log_metric call / 1,000 run.log",
     "for n in range(1_000): logged.log('m', 0.5)",
     "client.log_metric(parent, 'm', 0.5)", ">= 1", "server", 41),
)  # fmt: skip
SETUP = {"get_metrics of 20,000": (
    "values(20_000); long = next(iter(new.get_runs()))", "long = values(20_000)"),
    "get_metrics of 200": ("broad = wide()", "broad = wide()")}  # fmt: skip


class Side:
    """A process that acts when it is told to."""

    def __init__(self, python: Path, folder: Path, uri: str, setup: str) -> None:
        environment = servers.clean_environment(
            MLFLOW_TRACKING_URI=uri, XDG_STATE_HOME=str(folder / "state")
        )
        self._process = subprocess.Popen(
            [python, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if "theirs" in setup else None,
            text=True, env=environment, cwd=folder,
        )  # fmt: skip
        self.act(setup)

    def act(self, code: str) -> tuple[float, float]:
        """The seconds of some code: by the clock, and of the processor."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(code), file=self._process.stdin, flush=True)
        clock, processor = json.loads(self._process.stdout.readline())
        return clock, processor

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def measure(where: str, folder: Path, uri: str, client: Path, words: list[str]) -> None:
    chosen = [
        work for work in WORKS
        if work[4] in (where, "both") and (not words or any(word in work[0] for word in words))
    ]  # fmt: skip
    if not chosen:
        return
    ours = Side(client, folder, uri, OURS)
    theirs = Side(Path(sys.executable), folder, uri, THEIRS)
    for what, own, peer, target, _, rounds in chosen:
        for beginning, (mine, other) in SETUP.items():
            if what.startswith(beginning):
                ours.act(mine), theirs.act(other)
        if rounds > 3:
            ours.act(own), theirs.act(peer)
        pairs = [(ours.act(own), theirs.act(peer)) for _ in range(rounds)]
        middle: list[Any] = [
            [statistics.median(pair[side][clock] for pair in pairs) for clock in (0, 1)]
            for side in (0, 1)
        ]
        ratios = [middle[0][clock] / max(1e-9, middle[1][clock]) for clock in (0, 1)]
        if target.startswith(">"):
            ratios = [1 / max(1e-9, each) for each in ratios]
        print(
            f"{what}, {where:<7} {ratios[0]:6.2f}  processor {ratios[1]:5.2f}  target {target}  "
            f"({middle[0][0] * 1000:.0f} ms against {middle[1][0] * 1000:.0f} ms; processor "
            f"{middle[0][1] * 1000:.0f} and {middle[1][1] * 1000:.0f} ms)",
            flush=True,
        )
    ours.end(), theirs.end()


def main() -> None:
    os.environ.update(servers.QUIET)
    places = [word for word in sys.argv[1:] if word in ("sqlite", "server")]
    words = [word for word in sys.argv[1:] if word not in places]
    with tempfile.TemporaryDirectory(prefix="amlflow-benchmarks-") as name:
        folder = Path(name)
        client = make_client(folder / "client")
        database = filled(folder / "many", many_runs.RUNS)
        if "server" not in places or "sqlite" in places:
            measure("sqlite", folder, f"sqlite:///{database}", client, words)
        if "sqlite" not in places or "server" in places:
            with server(database) as uri:
                measure("server", folder, uri, client, words)


if __name__ == "__main__":
    main()
