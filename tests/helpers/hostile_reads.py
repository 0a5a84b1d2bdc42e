"""Reads a damaged run and healthy ones with every command and every route of the studio."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from amlflow import plugins
from amlflow.cli import main
from amlflow.layers import stack
from amlflow.per_process import PerProcess

from helpers.hostile_runs import QUERIES, ThreeRuns


def run_command(*words: str) -> tuple[int, str, str]:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return code, texts[0], texts[1]


COMMANDS = (
    ("run", "list"), ("run", "list", "-o", "table"), ("run", "list", "-o", "yaml"),
    ("run", "list", "--query", "[?status]"), ("run", "show", "-r"),
    ("run", "show", "-o", "table", "-r"), ("run", "children", "-r"), ("run", "metrics", "-r"),
)  # fmt: skip


def read_by_command(store: ThreeRuns) -> None:
    for words in COMMANDS:
        asked = (*words, store.damaged.id) if words[-1] == "-r" else words
        code, out, err = run_command(*asked)
        assert code == 0, (asked, err)
        if "list" in words:
            assert store.healthy.id in out


@contextlib.contextmanager
def open_page(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client for the studio's routes on a database, in this process."""
    flask = pytest.importorskip("flask")
    from amlflow_page import routes
    from amlflow_page import server_workspace as page_store
    from amlflow_page.access import Everybody
    from amlflow_page.query_processes import QueryProcess, QueryProcesses
    from mlflow.server import handlers

    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", f"sqlite:///{path}")
    monkeypatch.setattr(handlers, "_tracking_store", None)
    page_store.runs.cache_clear()
    # Each process of a server opens the tracker itself, so this one must not use an open tracker.
    monkeypatch.setattr(plugins, "_trackers", PerProcess())
    monkeypatch.setattr(stack, "_open_trackers", stack.OpenTrackers())
    app = flask.Flask("page")
    app.testing = True  # an exception is raised here, and not sent as status 500
    routes.add_routes(app, Everybody())
    processes = QueryProcesses(lambda: QueryProcess(f"sqlite:///{path}"))
    monkeypatch.setattr(routes, "PROCESSES", processes)
    yield app.test_client()
    processes.close()
    page_store.runs.cache_clear()


BASE = "/ajax-api/2.0/amlflow"
SORTS = ("", "created", "-ended", "duration", "name", "status", "-target", "submitter", "tag:a")


def strictly(answer: Any) -> Any:
    """Parse an answer as a browser does."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    assert answer.status_code == 200, answer.data
    return json.loads(answer.data.decode(), parse_constant=refuse)


def read_by_page(store: ThreeRuns, page: Any) -> None:
    for sort in SORTS:
        asked = {"sort": sort, "children": True}
        found = strictly(page.post(f"{BASE}/runs/search", json=asked))
        listed = {row["id"] for row in found["rows"]}
        assert {store.healthy.id, store.child.id} <= listed
        # If sorted in another order, runs that begin after the first page was read are left out.
        assert sort or store.damaged.id in listed
    for query in QUERIES:
        strictly(page.post(f"{BASE}/runs/search", json={"query": query}))
    for path in ("runs/get", "runs/logs"):
        strictly(page.get(f"{BASE}/{path}", query_string={"run_id": store.damaged.id}))
    for path in ("views", "experiments"):
        strictly(page.get(f"{BASE}/{path}"))
    strictly(page.post(f"{BASE}/runs/cancel", json={"run_ids": [store.damaged.id]}))
