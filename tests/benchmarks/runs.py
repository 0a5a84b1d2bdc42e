"""Runs through amlflow beside MLflow's own client: ``python tests/benchmarks/runs.py``.

Each line is a ratio of two things measured in turn in this very run (median), with its target.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import many_runs
from helpers import servers

ROUNDS = 5
REPOSITORY = Path(__file__).parents[2]


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def in_turn(*acts: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median time of each act, measured in turn so that a busy moment hits all."""
    times = [[seconds(act) for act in acts] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def report(what: str, ratio: float, target: str, detail: str) -> None:
    print(f"{what:<68} {ratio:6.2f}   target {target:<8} ({detail})", flush=True)


def make_client(folder: Path) -> Path:
    """Make an environment of what ``pip install amlflow`` installs, and return its Python."""
    subprocess.run(["uv", "venv", "-q", "-p", sys.executable, folder], check=True)
    command = ["uv", "pip", "install", "-q", "--compile-bytecode", "--python", folder, REPOSITORY]
    subprocess.run(command, check=True)
    return folder / "bin" / "python"


def python(
    code: str, executable: Path = Path(sys.executable), **environment: str
) -> Callable[[], object]:
    command = [executable, "-c", code]
    clean = servers.clean_environment(**environment)
    return lambda: subprocess.run(command, check=True, env=clean, stdout=subprocess.DEVNULL)


def imports() -> None:
    bare, ours, mlflow = in_turn(
        python("pass"),
        python("from azureml.core import Workspace, Experiment, Run"),
        python("import mlflow"),
        rounds=9,
    )
    detail = f"{(ours - bare) * 1000:.0f} ms against {(mlflow - bare) * 1000:.0f} ms"
    report(
        "import azureml.core's classes / import mlflow, less a bare interpreter",
        (ours - bare) / (mlflow - bare),
        "<= 0.25",
        detail,
    )


@contextlib.contextmanager
def server(database: Path) -> Iterator[str]:
    uri, process = servers.start_mlflow(
        f"sqlite:///{database}", database.parent, workers=4, options=servers.AS_INSTALLED
    )
    try:
        yield uri
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    folder.parent.chmod(0o755)
    folder.mkdir()
    backend, database = servers.start_postgres(folder)
    try:
        uri, process = servers.start_mlflow(
            f"{backend}served", folder, workers=4, options=servers.AS_INSTALLED
        )
        try:
            yield uri
        finally:
            process.terminate()
            process.wait()
    finally:
        database.terminate()
        database.wait()


def workspace(uri: str):  # type: ignore[no-untyped-def]
    from azureml.core import Workspace

    os.environ["MLFLOW_TRACKING_URI"] = uri
    return Workspace("s", "g", "w")


def children(uri: str, backend: str) -> None:
    from azureml.core import Experiment
    from mlflow import MlflowClient

    parent = Experiment(workspace(uri), "children").start_logging(snapshot_directory=None)
    client = MlflowClient(uri)
    experiment_id = parent.experiment.id

    def one_by_one() -> None:
        for _ in range(100):
            client.create_run(experiment_id, tags={"mlflow.parentRunId": parent.id})

    # The server's workers import what they need at their first calls.
    one_by_one()
    alone, together = in_turn(one_by_one, lambda: parent.create_children(100), rounds=3)
    detail = f"{alone:.2f} s against {together:.2f} s"
    report(
        f"100 create_run calls / create_children(100), server on {backend}",
        alone / together,
        ">= 4",
        detail,
    )


def search(uri: str, where: str) -> None:
    from azureml.core import Experiment
    from mlflow import MlflowClient

    experiment = Experiment(workspace(uri), many_runs.EXPERIMENT)
    client = MlflowClient(uri)
    wanted = "tags.quality = 'fantastic run' AND params.`property.author` = 'azureml-user'"

    def by_mlflow() -> None:
        assert len(client.search_runs([experiment.id], wanted)) == many_runs.MATCHING

    def by_amlflow() -> None:
        found = experiment.get_runs(
            tags={"quality": "fantastic run"}, properties={"author": "azureml-user"}
        )
        assert len(list(found)) == many_runs.MATCHING

    by_mlflow(), by_amlflow()
    theirs, ours = in_turn(by_mlflow, by_amlflow, rounds=9)
    detail = f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms"
    report(f"get_runs, 20 of 20,000 runs / search_runs, {where}", ours / theirs, "<= 1.5", detail)


def filled(folder: Path, runs: int = many_runs.RUNS) -> Path:
    """A database with many runs, or fewer."""
    folder.mkdir()
    database = folder / "mlflow.db"
    subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database}"],
        check=True,
        env=servers.clean_environment(),
        stderr=subprocess.DEVNULL,
    )
    many_runs.fill(database, runs)
    return database


def main() -> None:
    os.environ.update(servers.QUIET)
    imports()
    folder = Path(tempfile.mkdtemp(prefix="amlflow-benchmarks-"))
    try:
        database = filled(folder / "many")
        search(f"sqlite:///{database}", "sqlite")
        with server(database) as uri:
            search(uri, "server")
            children(uri, "sqlite")
        with postgres(folder / "postgres") as uri:
            children(uri, "PostgreSQL")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
