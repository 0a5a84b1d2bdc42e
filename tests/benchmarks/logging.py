"""Logging through amlflow beside its peers: ``python tests/benchmarks/logging.py [--quick]``.

Each line is a ratio of two things measured in turn in this very run (median), with its target.
trackio comes with amlflow's development tools; aim and wandb are measured if they are installed
(``pip install -e '.[dev,benchmark]'``), and named if they are not. The plot is written beside this
file.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# This file is called like a module of the standard library, which must not be found here.
sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != HERE.resolve()]
sys.path.insert(0, str(HERE.parent))

from helpers import servers

VALUES = 20_000
SHARED_VALUES = 2_000
RUNS = 200
PER_RUN = 20
ROUNDS = 3
PLOT = HERE / "logging.png"


def report(what: str, ratio: float, target: str, detail: str) -> None:
    print(f"{what:<76} {ratio:8.2f}   target {target:<8} ({detail})", flush=True)


def calls(log: Callable[[int], Any], count: int) -> list[float]:
    """How many microseconds each of many calls took, sorted."""
    taken = []
    for number in range(count):
        before = time.perf_counter_ns()
        log(number)
        taken.append((time.perf_counter_ns() - before) / 1000)
    return sorted(taken)


def at(taken: list[float], part: float) -> float:
    return taken[min(len(taken) - 1, int(part * len(taken)))]


def seconds(act: Callable[[], Any]) -> float:
    before = time.perf_counter()
    act()
    return time.perf_counter() - before


def in_turn(*acts: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """The median time of each act, measured in turn so that a busy moment hits all."""
    times = [[seconds(act) for act in acts] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


# the peers, each with what a call of it is


@contextlib.contextmanager
def amlflow(uri: str) -> Iterator[Callable[..., None]]:
    run = started(uri)
    run.log("warm", 0.0)
    run.flush()
    yield lambda name, number: run.log(name, number / 7)
    run.complete()


@contextlib.contextmanager
def mlflow_log_metric(uri: str) -> Iterator[Callable[..., None]]:
    client, run_id = mlflow_run(uri)
    yield lambda name, number: client.log_metric(run_id, name, number / 7, step=number)


@contextlib.contextmanager
def mlflow_asynchronous(uri: str) -> Iterator[Callable[..., None]]:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("logging")
    mlflow.start_run()
    yield lambda name, number: mlflow.log_metric(name, number / 7, step=number, synchronous=False)
    mlflow.flush_async_logging()
    with quiet():
        mlflow.end_run()


@contextlib.contextmanager
def trackio(_: str) -> Iterator[Callable[..., None]]:
    import trackio as client

    with quiet():
        client.init(project="logging", embed=False, auto_log_gpu=False, auto_log_cpu=False)
    yield lambda name, number: client.log({name: number / 7})
    with quiet():
        client.finish()


@contextlib.contextmanager
def aim(_: str) -> Iterator[Callable[..., None]]:
    from aim import Run

    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(repo=folder, system_tracking_interval=None, capture_terminal_logs=False)]
        yield lambda name, number: runs[0].track(number / 7, name=name, step=number)
        runs.pop().close()
        gc.collect()  # aim writes to its folder once more when the last of its objects goes


@contextlib.contextmanager
def wandb(_: str) -> Iterator[Callable[..., None]]:
    import wandb as client

    with tempfile.TemporaryDirectory() as folder:
        silent = client.Settings(silent=True, console="off")
        run = client.init(project="logging", mode="offline", dir=folder, settings=silent)
        yield lambda name, number: run.log({name: number / 7})
        run.finish()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def started(uri: str) -> Any:
    from azureml.core import Experiment, Workspace

    os.environ["MLFLOW_TRACKING_URI"] = uri
    experiment = Experiment(Workspace("s", "g", "w"), "logging")
    return experiment.start_logging(snapshot_directory=None, outputs=False)


def mlflow_run(uri: str) -> tuple[Any, str]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name("logging")
    experiment_id = found.experiment_id if found else client.create_experiment("logging")
    return client, client.create_run(experiment_id).info.run_id


def measured(peer: Any, uri: str, count: int, names: int = 1) -> tuple[list[float], float]:
    """The times of calls, each of as many values as there are names, and the time to the end."""
    begun = time.perf_counter()
    with peer(uri) as log:
        words = [f"m{number}" for number in range(names)]

        def call(number: int) -> None:
            for word in words:
                log(word, number)

        taken = calls(call, count)
    return taken, time.perf_counter() - begun


# what is measured


def compare_calls(places: dict[str, str], scale: int) -> dict[str, list[float]]:
    """The calls of all peers; what the plot shows is returned."""
    local = {"trackio": trackio}
    for name, peer in (("aim", aim), ("wandb, offline", wandb)):
        if importlib.util.find_spec(name.partition(",")[0]):
            local[name] = peer
        else:
            print(f"{name} is not installed, and is left out")
    rounds: dict[str, list[list[float]]] = {}
    tens: dict[str, list[list[float]]] = {}
    for _ in range(ROUNDS):
        for name, peer in local.items():
            count = VALUES // scale
            rounds.setdefault(name, []).append(measured(peer, "", count)[0])
        tens.setdefault("trackio", []).append(
            measured(trackio, "", SHARED_VALUES // scale, names=10)[0]
        )
        for where, uri in places.items():
            ours = measured(amlflow, uri, VALUES // scale)[0]
            rounds.setdefault(f"amlflow, {where}", []).append(ours)
            ten = measured(amlflow, uri, SHARED_VALUES // scale, names=10)[0]
            tens.setdefault(f"amlflow, {where}", []).append(ten)
            theirs = measured(mlflow_log_metric, uri, 100)[0]
            rounds.setdefault(f"mlflow log_metric, {where}", []).append(theirs)
            later = measured(mlflow_asynchronous, uri, 500)[0]
            rounds.setdefault(f"mlflow synchronous=False, {where}", []).append(later)
    middle = {
        name: sorted(each, key=lambda taken: at(taken, 0.5))[len(each) // 2]
        for name, each in rounds.items()
    }
    ten = {name: statistics.median(at(each, 0.5) for each in every) for name, every in tens.items()}
    peer_median = at(middle["trackio"], 0.5)
    for where in places:
        ours = middle[f"amlflow, {where}"]
        median = at(ours, 0.5)
        theirs = at(middle[f"mlflow log_metric, {where}"], 0.5)
        detail = f"{median:.1f} µs against {peer_median:.1f} µs"
        report(f"run.log / trackio.log, {where}", median / peer_median, "<= 2", detail)
        detail = f"{theirs / 1000:.1f} ms against {median:.1f} µs"
        target = ">= 1000" if "server" in where else "-"
        report(f"MlflowClient.log_metric / run.log, {where}", theirs / median, target, detail)
        late = at(ours, 0.99)
        detail = f"{late:.0f} µs, the slowest {ours[-1] / 1000:.1f} ms"
        report(f"run.log, 99th percentile / median, {where}", late / median, "< 20", detail)
        together = ten[f"amlflow, {where}"]
        detail = f"{together:.0f} µs; trackio takes {ten['trackio']:.0f} µs for ten calls"
        report(f"ten run.log / one, {where}", together / median, "-", detail)
    for name, taken in middle.items():
        print(f"    {name:<48} median {at(taken, 0.5):10.1f} µs, 99% {at(taken, 0.99):10.1f} µs")
    return middle


def to_the_end(uri: str, where: str, scale: int) -> None:
    from mlflow.entities import Metric

    count = VALUES // scale

    def by_hand() -> None:
        client, run_id = mlflow_run(uri)
        for first in range(0, count, 1000):
            now = int(time.time() * 1000)
            last = min(count, first + 1000)
            metrics = [Metric("m", number / 7, now, number) for number in range(first, last)]
            client.log_batch(run_id, metrics)
        with quiet():
            client.set_terminated(run_id)

    def ours() -> None:
        run = started(uri)
        for number in range(count):
            run.log("m", number / 7)
        run.complete()

    by_hand(), ours()
    theirs, mine = in_turn(by_hand, ours)
    detail = f"{mine:.2f} s against {theirs:.2f} s"
    report(f"{count} run.log and complete() / log_batch by hand, {where}", mine / theirs,
           "<= 1.3", detail)  # fmt: skip


def many_runs(uri: str, where: str, scale: int) -> None:
    from mlflow.entities import Metric

    runs = RUNS // scale

    def ours() -> None:
        run = experiment.start_logging(snapshot_directory=None, outputs=False)
        for number in range(PER_RUN):
            run.log("m", number / 7)
        run.complete()

    experiment = started(uri).experiment
    client, _ = mlflow_run(uri)

    def by_hand() -> None:
        run_id = client.create_run(experiment.id).info.run_id
        now = int(time.time() * 1000)
        client.log_batch(run_id, [Metric("m", n / 7, now, n) for n in range(PER_RUN)])
        with quiet():
            client.set_terminated(run_id)

    by_hand(), ours()
    theirs, mine = in_turn(by_hand, ours, rounds=runs)
    detail = f"{mine * 1000:.1f} ms against {theirs * 1000:.1f} ms"
    report(f"a run of {PER_RUN} values, start to end / create_run, log_batch, set_terminated, "
           f"{where}", mine / theirs, "<= 1.2", detail)  # fmt: skip


def reading(uri: str, where: str, scale: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from mlflow import MlflowClient

    client = MlflowClient(uri)
    long, wide = started(uri), started(uri)
    for number in range(VALUES // scale):
        long.log("m", number / 7)
    for number in range(200):
        for name in range(200):
            if number < 5:
                wide.log(f"m{name}", number / 7)
    long.complete(), wide.complete()

    def history(run: Any) -> None:
        names = list(client.get_run(run.id).data.metrics)
        threads = 1 if uri.startswith("sqlite") else 8
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda name: client.get_metric_history(run.id, name), names))

    for run, what in ((long, f"{VALUES // scale} points of a name"), (wide, "200 names")):
        history(run), run.get_metrics()
        theirs, mine = in_turn(lambda run=run: history(run), run.get_metrics, rounds=5)
        detail = f"{mine * 1000:.0f} ms against {theirs * 1000:.0f} ms"
        report(f"get_metrics of {what} / get_run and get_metric_history, {where}", mine / theirs,
               "<= 1.1", detail)  # fmt: skip


def plot(middle: dict[str, list[float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted(middle, key=lambda name: at(middle[name], 0.5))
    figure, axes = pyplot.subplots(figsize=(8, 0.4 * len(names) + 1.2), layout="constrained")
    for place, name in enumerate(reversed(names)):
        median, late = at(middle[name], 0.5), at(middle[name], 0.99)
        color = "tab:blue" if name.startswith("amlflow") else "tab:gray"
        axes.plot([median, late], [place, place], color=color, linewidth=2)
        axes.plot([median], [place], "o", color=color)
        axes.plot([late], [place], "|", color=color, markersize=10)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xscale("log")
    axes.set_xlabel("µs a call: median (dot) to 99th percentile (bar)")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(PLOT, dpi=110)
    print(f"plot: {PLOT.name}")


@contextlib.contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """An sqlite file, and servers on sqlite and on PostgreSQL."""
    for name in ("sqlite", "server"):
        (folder / name).mkdir()
        subprocess.run(
            [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{folder}/{name}/m.db"],
            check=True, env=servers.clean_environment(), stderr=subprocess.DEVNULL,
        )  # fmt: skip
    processes = []
    folder.chmod(0o755)
    (folder / "postgres").mkdir()
    try:
        backend, database = servers.start_postgres(folder / "postgres")
        processes.append(database)
        on_postgres, process = servers.start_mlflow(
            f"{backend}served", folder / "postgres", workers=4, options=servers.AS_INSTALLED
        )
        processes.append(process)
        on_sqlite, process = servers.start_mlflow(
            f"sqlite:///{folder}/server/m.db",
            folder / "server",
            workers=4,
            options=servers.AS_INSTALLED,
        )
        processes.append(process)
        yield {
            "sqlite": f"sqlite:///{folder}/sqlite/m.db",
            "server on sqlite": on_sqlite,
            "server on PostgreSQL": on_postgres,
        }
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def main() -> None:
    import logging

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    scale = 10 if "--quick" in sys.argv else 1
    folder = Path(tempfile.mkdtemp(prefix="amlflow-benchmarks-"))
    os.chdir(folder)  # outside of a git work tree, of which amlflow notes more than MLflow
    os.environ.update(servers.QUIET)
    os.environ.update(TRACKIO_DIR=str(folder / "trackio"), XDG_STATE_HOME=str(folder / "state"))
    try:
        with stores(folder) as places:
            middle = compare_calls(places, scale)
            for where, uri in places.items():
                to_the_end(uri, where, scale)
                many_runs(uri, where, scale)
                reading(uri, where, scale)
            plot(middle)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
