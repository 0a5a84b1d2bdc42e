"""Scripts and commands as whole processes: ``python tests/benchmarks/whole_processes.py``.

A script that logs one value is measured beside the same script with MLflow. A command is measured
beside its limit: 0.3 of ``import mlflow`` in a process, and 1.5 of the same search that MLflow's
client makes in a process that has imported it. All are measured in turn in this very run (median).
amlflow is in an environment without MLflow, as ``pip install amlflow`` makes it. Arguments choose
what is measured: ``sqlite`` or ``server``, and ``20`` or ``20000`` runs.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import many_runs
from helpers import servers
from runs import filled, in_turn, make_client, python, report, server

FEW = 20
FIRST_CALLS = 20
"""So many searches that each of a server's four workers has answered one. A worker's first search
takes 0.15 to 0.25 s, and the next ones 0.04 s, since it imports what it needs."""
OWN_SCRIPT = """
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), "e").start_logging(snapshot_directory=None)
run.log("loss", 0.5)
run.complete()
"""
MLFLOW_SCRIPT = """
import mlflow
mlflow.set_experiment("e")
with mlflow.start_run():
    mlflow.log_metric("loss", 0.5)
"""
AUTHOR = "params.`property.author` = 'azureml-user'"
COMMANDS = (
    ("run list", [], "", 10),
    ("the first query", ["[?properties.author=='azureml-user']"], AUTHOR, None),
    (
        "the second query",
        ["[?tags.keys(@)[?starts_with(@, 'worth another look')]]"],
        "",  # MLflow has no filter for a part of a key
        None,
    ),
    (
        "the third query",
        ["[?properties.author=='azureml-user' && tags.quality=='fantastic run']"],
        f"{AUTHOR} AND tags.quality = 'fantastic run'",
        None,
    ),
)


def scripts(where: str, uri: str, client: Path) -> None:
    """A script that starts a run, logs one value and completes it."""
    own = python(OWN_SCRIPT, client, MLFLOW_TRACKING_URI=uri)
    mlflow = python(MLFLOW_SCRIPT, MLFLOW_TRACKING_URI=uri)
    own(), mlflow()
    mine, theirs = in_turn(own, mlflow)
    what = f"a script that logs one value / the same with MLflow, {where}"
    report(what, mine / theirs, "<= 0.35", f"{mine:.2f} s against {theirs:.2f} s")


def commands(where: str, uri: str, runs: int, client: Path) -> None:
    """``amlflow run list``, and the guide's three queries."""
    from mlflow import MlflowClient

    mlflow = MlflowClient(uri)
    experiment = mlflow.get_experiment_by_name(many_runs.EXPERIMENT)
    assert experiment is not None
    for _ in range(FIRST_CALLS):
        _search(mlflow, experiment.experiment_id, "", 10)
    for what, query, condition, size in COMMANDS:
        words = ["run", "list", *query, "-e", many_runs.EXPERIMENT, "-o", "json"]
        command = f"import sys; from amlflow.cli import main; sys.exit(main({words!r}))"
        search = functools.partial(_search, mlflow, experiment.experiment_id, condition, size)
        act: Callable[[], object] = python(command, client, MLFLOW_TRACKING_URI=uri)
        if runs == FEW or size is not None:
            act(), search()
        is_slow = condition == "" and size is None and runs > FEW  # all runs are read
        mine, imported, direct = in_turn(
            act, python("import mlflow"), search, rounds=1 if is_slow else 3
        )
        limit = 0.3 * imported + 1.5 * direct
        detail = f"{mine:.2f} s, import mlflow {imported:.2f} s, search {direct:.2f} s"
        report(
            f"amlflow run list, {what}, {where}, {runs:,} runs / its limit",
            mine / limit,
            "<= 1",
            detail,
        )


def _search(client: Any, experiment_id: str, condition: str, size: int | None) -> None:
    """Read the first runs that MLflow's client finds, or all."""
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], condition, max_results=size or 1000, page_token=token
        )
        token = page.token
        if size is not None or not token:
            return


def main() -> None:
    os.environ.update(servers.QUIET)
    words = set(sys.argv[1:])
    places = words & {"sqlite", "server"} or {"sqlite", "server"}
    sizes = {int(word) for word in words if word.isdecimal()} or {FEW, many_runs.RUNS}
    with tempfile.TemporaryDirectory(prefix="amlflow-benchmarks-") as name:
        client = make_client(Path(name) / "client")
        for runs in sorted(sizes):
            database = filled(Path(name) / str(runs), runs)
            if "sqlite" in places:
                measure("sqlite", f"sqlite:///{database}", runs, client)
            if "server" in places:
                with server(database) as uri:
                    measure("server", uri, runs, client)


def measure(where: str, uri: str, runs: int, client: Path) -> None:
    if runs == FEW:
        scripts(where, uri, client)
    commands(where, uri, runs, client)


if __name__ == "__main__":
    main()
