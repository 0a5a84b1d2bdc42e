"""The studio beside MLflow's own server: ``python tests/benchmarks/page.py``.

Each line is a ratio of two things measured in turn in this very run (median), with its target.
All are HTTP requests on kept connections; the servers share one database with 20,000 runs on
sqlite. Another number, PostgreSQL, or only the lists are options:
``python tests/benchmarks/page.py --runs 100000 --postgres --lists``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import many_runs
import psutil
import requests
from helpers import servers
from queries import BEST, THIRD
from runs import filled, report, seconds

PAGE = 50
MOST = 200
"""The most runs of a page."""
APP = ("--app-name", "amlflow")
GROUPS = "ajax-api/2.0/amlflow/runs/groups"
SORTS = (
    "created", "name", "-duration", "ended", "status", "-status", "submitter", "tag:stage",
    "-tag:quality", "property:author", "metric:loss", "-metric_max:loss",
)  # fmt: skip


@contextlib.contextmanager
def served(backend: str, workers: int, options: tuple[str, ...] = ()) -> Iterator[Asked]:
    with tempfile.TemporaryDirectory(prefix="amlflow-benchmarks-") as name:
        uri, process = servers.start_mlflow(
            backend, Path(name), workers=workers, options=options, MLFLOW_LOGGING_LEVEL="WARNING"
        )
        try:
            yield Asked(uri, process.pid)
        finally:
            os.killpg(process.pid, 15)
            process.wait()


@contextlib.contextmanager
def database(folder: Path, runs: int, on_postgres: bool) -> Iterator[str]:
    """A database with so many runs: its URI."""
    path = filled(folder / "many", runs)
    many_runs.add_losses(path)
    if not on_postgres:
        yield f"sqlite:///{path}"
        return
    folder.chmod(0o755)
    (folder / "postgres").mkdir()
    server, process = servers.start_postgres(folder / "postgres")
    try:
        # The server makes the tables.
        with served(f"{server}served", 1):
            pass
        many_runs.copy_to(f"{server}served", path)
        yield f"{server}served"
    finally:
        process.terminate()
        process.wait()


class Asked:
    """A server, asked on one connection."""

    def __init__(self, uri: str, process: int) -> None:
        self.uri, self.process, self.session = uri, process, requests.Session()

    def megabytes(self) -> float:
        """Of the server's processes together, without those for queries."""
        processes = psutil.Process(self.process).children(recursive=True)
        workers = [each for each in processes if "forkserver" not in " ".join(each.cmdline())]
        return sum(each.memory_info().rss for each in workers) / 1e6

    def post(self, path: str, **content: Any) -> Any:
        answer = self.session.post(f"{self.uri}/{path}", json=content, timeout=120)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.uri}/{path}", params=query, timeout=120)
        answer.raise_for_status()
        return answer.json()

    def rows(self, **content: Any) -> list[Any]:
        found = self.post("ajax-api/2.0/amlflow/runs/search", **content, size=PAGE)
        rows: list[Any] = found["rows"]
        return rows

    def cursor_after(self, count: int, sort: str) -> str:
        """The cursor of the page after so many runs in an order."""
        cursor = None
        for _ in range(count // MOST):
            content = {"sort": sort, "size": MOST, "cursor": cursor}
            cursor = self.post("ajax-api/2.0/amlflow/runs/search", **content)["cursor"]
        assert isinstance(cursor, str)
        return cursor

    def search(self, experiments: list[str], condition: str = "") -> list[Any]:
        found = self.post(
            "ajax-api/2.0/mlflow/runs/search",
            experiment_ids=experiments,
            filter=condition,
            max_results=PAGE,
            order_by=["attributes.start_time DESC"],
        )
        runs: list[Any] = found["runs"]
        return runs


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[float, str]:
    """The median of the ratios of calls that follow each other, in either order by turns."""
    pairs = []
    for number in range(rounds + 2):
        acts = (ours, theirs) if number % 2 else (theirs, ours)
        times = [seconds(act) for act in acts]
        pairs.append(times if number % 2 else times[::-1])
    del pairs[:2]  # the first calls open connections and fill caches
    mine, other = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(one / two for one, two in pairs)
    return ratio, f"{mine * 1000:.1f} ms against {other * 1000:.1f} ms"


def searching(app: Asked, runs: int) -> None:
    there = app.get("ajax-api/2.0/amlflow/experiments")["experiments"]
    experiments = [each["id"] for each in there]

    def compared(
        what: str, target: str, condition: str, expected: int, rounds: int = 20, **content: Any
    ) -> None:
        def ours() -> None:
            assert len(app.rows(**content)) == expected

        def theirs() -> None:
            assert len(app.search(experiments, condition)) == expected

        ratio, detail = paired(ours, theirs, rounds)
        report(what, ratio, target, detail)

    compared("first rows / search_runs of a page", "<= 1.5", "", PAGE)
    compared(
        "the guide's third query in the page / search_runs", "<= 2", BEST, many_runs.MATCHING,
        query=THIRD,
    )  # fmt: skip
    before = app.megabytes()
    for sort in SORTS:
        compared(f"first rows by {sort} / search_runs", "<= 2", "", PAGE, sort=sort, rounds=5)
    for sort in ("metric:loss", "-tag:quality"):
        cursor = app.cursor_after(runs // 2, sort)
        what = f"a page after {runs // 2:,} runs by {sort} / search_runs"
        compared(what, "<= 2", "", PAGE, sort=sort, cursor=cursor, rounds=5)
    print(f"{'the workers before and after it: MB':<68} {before:6.0f}, {app.megabytes():.0f}")
    for what, act in (
        ("no such text", lambda: app.rows(text="zz")),
        ("grouped by a tag", lambda: app.post(GROUPS, group="tag:stage")),
        ("a page of a tree", lambda: app.rows(tree=True)),
    ):
        print(f"{f'{what}: seconds':<68} {seconds(act):6.2f}")


def beside_a_query(app: Asked) -> None:
    """The first rows while somebody else's query looks at all runs, on one worker."""
    functions = ", ".join(["sort(keys(@))"] * 500)
    slow, other = f"[?contains([{functions}], 'a')]", Asked(app.uri, app.process)
    app.rows(query="[?name=='run-7' || name=='']")  # starts a process for queries
    alone = statistics.median(seconds(app.rows) for _ in range(20))
    thread = threading.Thread(
        target=lambda: other.session.post(
            f"{app.uri}/ajax-api/2.0/amlflow/runs/search", json={"query": slow}, timeout=60
        )
    )
    thread.start()
    times = []
    while len(times) < 100 and thread.is_alive():
        times.append(seconds(app.rows))
    detail = f"{statistics.median(times) * 1000:.1f} ms against {alone * 1000:.1f} ms"
    what = "first rows beside another's long query / first rows alone"
    report(what, statistics.median(times) / alone, "<= 2", f"{detail}, {len(times)} times")
    thread.join()


def adding(plain: Asked, app: Asked) -> None:
    run_id = plain.search(["1"])[0]["info"]["run_id"]

    def got(asked: Asked) -> Callable[[], object]:
        return lambda: asked.get("api/2.0/mlflow/runs/get", run_id=run_id)

    steps = itertools.count()

    def logged(asked: Asked) -> Callable[[], object]:
        def log() -> None:
            metrics = [
                {"key": f"m{key}", "value": 1.0, "timestamp": 1, "step": next(steps)}
                for key in range(10)
            ]
            asked.post("api/2.0/mlflow/runs/log-batch", run_id=run_id, metrics=metrics)

        return log

    for what, act in (("runs/get", got), ("runs/log-batch", logged)):
        ratio, detail = paired(act(app), act(plain), 100)
        report(f"{what}, the studio's server / MLflow's", ratio, "<= 1.05", detail)


def kept(plain: Asked, app: Asked) -> None:
    def asked(server: Asked) -> Callable[[], object]:
        return lambda: server.session.get(f"{server.uri}/version", timeout=10)

    ratio, detail = paired(asked(app), asked(plain), 40)
    loop = "uvloop" if importlib.util.find_spec("uvloop") else "no uvloop"
    what = f"a call with several workers and {loop}, the studio's server / MLflow's"
    report(what, ratio, "<= 1.05", detail)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=many_runs.RUNS)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--lists", action="store_true", help="measure the lists of runs only")
    options = parser.parse_args()
    os.environ.update(servers.QUIET)
    with (
        tempfile.TemporaryDirectory(prefix="amlflow-benchmarks-") as name,
        database(Path(name), options.runs, options.postgres) as many,
    ):
        # With one worker, connections are set up alike, so it is the app alone that is compared.
        with served(many, 1, APP) as app:
            searching(app, options.runs)
            beside_a_query(app)
            if not options.lists:
                with served(many, 1) as plain:
                    adding(plain, app)
        if not options.lists:
            with served(many, 2) as plain, served(many, 2, APP) as app:
                kept(plain, app)


if __name__ == "__main__":
    main()
