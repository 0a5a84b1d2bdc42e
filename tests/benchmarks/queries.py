"""Queries and the command line beside MLflow's own client: ``python tests/benchmarks/queries.py``.

Each line is a ratio of two things measured in turn in this very run (median), with its target.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import many_runs
from helpers import servers
from runs import filled, in_turn, python, report, server

THIRD = "[?properties.author=='azureml-user' && tags.quality=='fantastic run']"
BEST = "params.`property.author` = 'azureml-user' AND tags.quality = 'fantastic run'"
SECOND = "[?tags.keys(@)[?starts_with(@, 'worth another look')]]"


def opened(uri: str) -> tuple[Any, Any]:
    """The experiment of many runs, and MLflow's client."""
    os.environ["MLFLOW_TRACKING_URI"] = uri
    from azureml.core import Experiment, Workspace
    from mlflow import MlflowClient

    return Experiment(Workspace.from_config(), many_runs.EXPERIMENT), MlflowClient(uri)


def selective(where: str, uri: str) -> None:
    experiment, client = opened(uri)

    def ours() -> None:
        assert len(experiment.query(THIRD)) == many_runs.MATCHING

    def theirs() -> None:
        assert len(client.search_runs([experiment.id], BEST)) == many_runs.MATCHING

    ours()
    theirs()
    mine, best = in_turn(ours, theirs, rounds=15)
    detail = f"{mine * 1000:.0f} ms against {best * 1000:.0f} ms"
    report(f"the guide's third query / search_runs, {where}", mine / best, "<= 1.5", detail)


def unselective(uri: str) -> None:
    experiment, client = opened(uri)

    def ours() -> None:
        assert len(experiment.query(SECOND)) == many_runs.MATCHING

    def theirs() -> None:
        count, token = 0, None
        while True:
            page = client.search_runs([experiment.id], page_token=token)
            count, token = count + len(page), page.token
            if not token:
                break
        assert count == many_runs.RUNS

    mine, reading = in_turn(ours, theirs, rounds=3)
    detail = f"{mine:.1f} s against {reading:.1f} s"
    report("starts_with on keys / reading all by search_runs", mine / reading, "<= 1.3", detail)


def peak(act: Callable[[], object]) -> int:
    act()
    tracemalloc.start()
    act()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def memory(few: str, many: str) -> None:
    (small, _), (large, _) = opened(few), opened(many)
    less, more = peak(lambda: small.query(THIRD)), peak(lambda: large.query(THIRD))
    detail = f"{more / 1e6:.1f} MB against {less / 1e6:.1f} MB"
    report("memory of the third query, 20,000 runs / 2,000 runs", more / less, "<= 1.2", detail)


def needed(uri: str, *columns: str) -> Callable[[], object]:
    """A SELECT of these columns of all runs, through a session of MLflow's store."""
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from mlflow.tracking._tracking_service.utils import _get_store

    store, experiment_id = _get_store(uri), int(opened(uri)[0].id)

    def read() -> None:
        with store.ManagedSessionMaker() as session:
            selected = session.query(*(getattr(SqlRun, each) for each in columns))
            rows = selected.filter_by(experiment_id=experiment_id, lifecycle_stage="active").all()
            assert len(rows) == many_runs.RUNS // 2

    return read


def columns(where: str, uri: str) -> None:
    """Queries that need a few columns of 10,000 runs, beside a SELECT of those."""
    experiment, _ = opened(uri)
    for query, names in (
        ("length(@)", ["run_uuid"]),
        ("length([?contains(name, '7')])", ["run_uuid", "name"]),
        ("[?contains(name, '77')].run_id", ["run_uuid", "name"]),
        ("sort_by(@, &created_utc)[:10]", ["run_uuid", "start_time"]),
        ("sort_by(@, &end_time_utc)[-1].name", ["run_uuid", "end_time", "name"]),
        ("sort_by(@, &name)[].run_id", ["run_uuid", "name"]),
    ):

        def ours(query: str = query) -> None:
            assert experiment.query(query)

        theirs = needed(uri, *names)
        ours(), theirs()
        mine, best = in_turn(ours, theirs, rounds=9)
        detail = f"{mine * 1000:.0f} ms against {best * 1000:.0f} ms, {peak(ours) / 1e6:.1f} MB"
        report(f"{query} / SELECT, {where}", mine / best, "<= 2", detail)


FLAT = (
    "length(@)",
    "length([?contains(name, '7')])",
    "[?contains(name, '77')].run_id | [:10]",
    "sort_by(@, &name)[:10].run_id",
    "sort_by(@, &created_utc)[-10:]",
)
SIZES = (1_000, 10_000, 30_000)
PEAK = """
import sys
from azureml.core import Experiment, Workspace
experiment = Experiment(Workspace.from_config(), sys.argv[1])
assert experiment.query(sys.argv[2])
# Not getrusage, whose figure is at least that of the process that started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_memory(where: str, uris: dict[int, str]) -> None:
    """The most memory (RSS) of a process that asks one query, by the number of runs."""
    for query in FLAT:
        peaks = {}
        for size, uri in uris.items():
            environment = servers.clean_environment(MLFLOW_TRACKING_URI=uri)
            command = [sys.executable, "-c", PEAK, many_runs.EXPERIMENT, query]
            output = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, check=True, text=True
            )
            peaks[size] = int(output.stdout) / 1024
        detail = ", ".join(f"{size:,} runs: {mb:.1f} MB" for size, mb in peaks.items())
        ratio = peaks[SIZES[-1]] / peaks[SIZES[0]]
        report(f"memory of {query}, 30,000 runs / 1,000 runs, {where}", ratio, "<= 1.2", detail)


def whole_runs(where: str, uri: str) -> None:
    """Queries that give whole runs, beside a SELECT of those runs with their tags and params."""
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from mlflow.tracking._tracking_service.utils import _get_store
    from sqlalchemy.orm import selectinload

    experiment, _ = opened(uri)
    store, experiment_id = _get_store(uri), int(experiment.id)
    loads = [selectinload(SqlRun.tags), selectinload(SqlRun.params)]
    for query, part in (("[?contains(name, '77')]", "77"), ("sort_by(@, &name)", "")):

        def ours(query: str = query) -> None:
            assert experiment.query(query)

        def theirs(part: str = part) -> None:
            with store.ManagedSessionMaker() as session:
                runs = session.query(SqlRun).options(*loads).order_by(SqlRun.name)
                runs = runs.filter_by(experiment_id=experiment_id, lifecycle_stage="active")
                assert runs.filter(SqlRun.name.contains(part)).all()

        ours(), theirs()
        mine, best = in_turn(ours, theirs, rounds=5)
        detail = f"{mine * 1000:.0f} ms against {best * 1000:.0f} ms, {peak(ours) / 1e6:.1f} MB"
        report(f"{query} / SELECT of whole runs, {where}", mine / best, "<= 2", detail)


def on_postgres(folder: Path) -> None:
    """The same on PostgreSQL."""
    from mlflow.tracking._tracking_service.utils import _get_store

    folder.parent.chmod(0o755)
    folder.mkdir()
    backend, database = servers.start_postgres(folder)
    try:
        uri = f"{backend}direct"
        _get_store(uri)  # which makes the tables
        many_runs.copy_to(uri, filled(folder.parent / "copied", many_runs.RUNS // 2))
        columns("PostgreSQL", uri)
        whole_runs("PostgreSQL", uri)
        peak_memory("PostgreSQL", {size: _copied(backend, folder, size) for size in SIZES})
    finally:
        database.terminate()
        database.wait()


def _copied(backend: str, folder: Path, runs: int) -> str:
    """A database of PostgreSQL with so many runs: its URI."""
    import psycopg
    from mlflow.tracking._tracking_service.utils import _get_store

    name = f"runs_{runs}"
    with psycopg.connect(f"{backend.replace('+psycopg', '')}postgres", autocommit=True) as base:
        base.execute(f"CREATE DATABASE {name}")
    _get_store(f"{backend}{name}")
    many_runs.copy_to(f"{backend}{name}", filled(folder.parent / f"copied_{runs}", runs))
    return f"{backend}{name}"


def processes(uri: str) -> None:
    run_id = opened(uri)[0].query("[0].run_id")
    start = "import sys; from amlflow.cli import main; sys.exit(main(%r))"
    shown, helped, mlflow = in_turn(
        python(start % ["run", "show", "-r", run_id, "-o", "none"], MLFLOW_TRACKING_URI=uri),
        python(start % ["--help"]),
        python("import mlflow"),
        rounds=7,
    )
    for what, time, target in (("run show -r ID", shown, "<= 1.3"), ("--help", helped, "<= 0.2")):
        detail = f"{time:.2f} s against {mlflow:.2f} s"
        report(
            f"amlflow {what}, a process / python -c 'import mlflow'", time / mlflow, target, detail
        )


def main() -> None:
    os.environ.update(servers.QUIET)
    with tempfile.TemporaryDirectory(prefix="amlflow-benchmarks-") as name:
        few = filled(Path(name) / "few", many_runs.RUNS // 10)
        many = filled(Path(name) / "many", many_runs.RUNS)
        selective("sqlite", f"sqlite:///{many}")
        with server(many) as uri:
            selective("REST", uri)
        memory(f"sqlite:///{few}", f"sqlite:///{many}")
        half = f"sqlite:///{filled(Path(name) / 'half', many_runs.RUNS // 2)}"
        columns("sqlite", half)
        whole_runs("sqlite", half)
        sizes = {size: f"sqlite:///{filled(Path(name) / str(size), size)}" for size in SIZES}
        peak_memory("sqlite", sizes)
        on_postgres(Path(name) / "postgres")
        processes(f"sqlite:///{many}")
        unselective(f"sqlite:///{many}")


if __name__ == "__main__":
    main()
