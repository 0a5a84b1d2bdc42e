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
    """Run a command in this process. Returns the exit code, the output and the errors."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return code, texts[0], texts[1]


RUN, OTHER = "RUN", "OTHER"
"""Words that stand for the ids of the damaged run and of a healthy one."""
LISTS = (
    ("run list",), ("run list", "-o", "table"), ("run list", "-o", "yaml"),
    ("run list", "--query", "[?status]"), ("run list", "--text", "damaged"),
    ("run list", "--tags", "a", "--all-experiments", "--order-by", "metric:loss desc"),
    ("experiment list",), ("model list",), ("model list", "--tag", "a"), ("environment list",),
    ("dataset list",), ("datastore list",), ("computetarget list",), ("workspace list",),
    ("sync", "--status"),
)  # fmt: skip
"""Commands that list what is there, whatever one of the runs says."""
SHOWS = (
    ("run show", "-r", RUN), ("run show", "-o", "table", "-r", RUN), ("run children", "-r", RUN),
    ("run metrics", "-r", RUN), ("run logs", "-r", RUN),
    ("run compare", RUN, OTHER), ("run compare", OTHER, RUN, "-o", "table"),
    ("experiment show", "-n", "hostile"), ("workspace show",),
)  # fmt: skip
"""Commands that show the damaged run, or what it is in."""
MAY_REFUSE = (
    ("run download-logs", "-r", RUN, "-d", "got"), ("run download", "-r", RUN, "-d", "got"),
    ("run open", "-r", RUN), ("run metrics", "--plot", "-r", RUN),
    ("environment download", "-r", RUN, "-d", "env", "--overwrite"),
    ("environment show", "-n", "damaged"), ("dataset show", "-n", "damaged"),
    ("dataset download", "-n", "damaged", "-d", "got", "--overwrite"),
    ("model show", "-n", "damaged"), ("model download", "-i", "damaged:1", "-t", "got"),
    ("computetarget show", "-n", "local"), ("datastore download", "-n", "workspaceblobstore",
                                            "-d", "got", "--overwrite"),
)  # fmt: skip
"""Commands that may also say in a sentence why they cannot show or write it."""
NOT_TRIED = {
    "run monitor-logs": "waits until the run has ended, as `run logs -f` does",
    "run monitor-tensorboard": "needs TensorBoard, and goes on until Ctrl-C",
    "environment build": "installs packages",
    "plugins": "reads no tracker",
    "quickstart": "reads its own runs",
    "version": "reads no tracker",
    "shell-init": "reads no tracker",
}
CHANGES = {
    "folder attach", "run submit-script", "run update", "run delete-tag", "run set-description",
    "run cancel", "run delete", "run restore", "run mark-failed", "experiment create",
    "experiment delete", "experiment restore", "model register", "model update", "model delete",
    "computetarget attach", "computetarget create amlcompute", "computetarget delete",
    "computetarget detach", "environment register", "environment scaffold", "environment remove",
    "environment prune", "dataset register", "dataset unregister", "datastore attach",
    "datastore detach", "datastore set-default", "datastore upload",
}  # fmt: skip
"""Commands that change something. Their names make sure that each new command is seen here."""


def tried_commands() -> set[str]:
    """The names of all commands that :func:`read_by_command` tries."""
    return {words[0] for words in (*LISTS, *SHOWS, *MAY_REFUSE)}


def read_by_command(store: ThreeRuns) -> None:
    """Read a damaged run with each command. Fails if one crashes, or hides the other run."""
    ids = {RUN: store.damaged.id, OTHER: store.healthy.id}
    for words in (*LISTS, *SHOWS, *MAY_REFUSE):
        asked = [*words[0].split(), *(ids.get(word, word) for word in words[1:])]
        code, out, err = run_command(*asked)
        assert "Traceback" not in err, (asked, err)
        if words not in MAY_REFUSE:
            assert code == 0, (asked, err)
        elif code:
            assert code in (1, 3), (asked, err)
            assert "ERROR: " in err, (asked, err)
        if words[0] == "run list" and not {"--text", "--tags"} & {*words}:
            assert store.healthy.id in out


@contextlib.contextmanager
def open_page(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client for the studio's routes on a database, in this process."""
    flask = pytest.importorskip("flask")
    from amlflow_page import query_processes, routes
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
    # The process gives way to all others, which may be many while the tests run.
    monkeypatch.setattr(query_processes, "LIMIT_S", 300)
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


ROUTES: dict[str, Any] = {
    "runs/details": {"run_id": RUN},
    "runs/metrics": {"run_id": RUN},
    "runs/files": {"run_id": RUN, "folder": ""},
    "runs/get": {"run_id": RUN},
    "runs/logs": {"run_id": RUN},
    "runs/logs/archive": {"run_id": RUN},
    "runs/log": {"run_id": RUN, "name": "user_logs/std_log.txt"},
    "runs/log/find": {"run_id": RUN, "name": "user_logs/std_log.txt", "text": "a", "offset": "0"},
    "runs/log/hits": {"run_id": RUN, "name": "user_logs/std_log.txt", "text": "a"},
    "runs/difference": {"left": RUN, "right": OTHER},
    "query/check": {"query": "[?a]"}, "query/unknown": {"query": "[?tags.a && metrics.b > `0`]"},
    "keys": {}, "experiments": {}, "views": {}, "person": {},
    "views/get": {"id": "nope"},
    "views/history": {"id": "nope"},
}  # fmt: skip
"""The routes that are read with GET, with their arguments."""
BODIES: dict[str, Any] = {
    "runs/curves": {"run_ids": [RUN, OTHER], "names": ["m", "loss"]},
    "runs/metrics/names": {"run_ids": [RUN, OTHER]},
    "runs/failures": {},
    "runs/groups": {"group": "status"},
    "runs/states": {"run_ids": [RUN, OTHER], "tree": True},
    "runs/open": {},
    "views/changes": {"filters": {}},
    "runs/cancel": {"run_ids": [RUN]},
    "runs/tags": {"run_ids": [RUN], "set": {"k": "v"}},
}  # fmt: skip
"""The routes with POST that read runs, with their bodies. Others are tried for runs/search."""
NO_RUNS = {
    "page/missing", "views/create", "views/save", "views/delete", "person/default", "person/visit",
}  # fmt: skip
"""Routes that read no run."""
MAY_BE_MISSING = {
    "runs/log", "runs/logs/archive", "runs/log/find", "runs/log/hits", "views/get", "views/history",
}  # fmt: skip
"""Routes that may answer 404, since a damaged run or view lacks what is asked for."""


def tried_routes() -> set[str]:
    """The paths of all routes that :func:`read_by_page` tries."""
    return {"runs/search", *ROUTES, *BODIES}


def with_ids(value: Any, ids: dict[str, str]) -> Any:
    """Put the ids of runs in place of the words that stand for them."""
    if isinstance(value, dict):
        return {key: with_ids(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [with_ids(item, ids) for item in value]
    return ids.get(value, value)


def read_by_page(store: ThreeRuns, page: Any) -> None:
    """Read a damaged run by each route of the studio, in the same way."""
    for sort in SORTS:
        asked = {"sort": sort, "children": True}
        found = strictly(page.post(f"{BASE}/runs/search", json=asked))
        listed = {row["id"] for row in found["rows"]}
        assert {store.healthy.id, store.child.id} <= listed
        # If sorted in another order, runs that begin after the first page was read are left out.
        assert sort or store.damaged.id in listed
    for query in QUERIES:
        strictly(page.post(f"{BASE}/runs/search", json={"query": query}))
    ids = {RUN: store.damaged.id, OTHER: store.healthy.id}
    for path, arguments in ROUTES.items():
        check(path, page.get(f"{BASE}/{path}", query_string=with_ids(arguments, ids)))
    for path, body in BODIES.items():
        check(path, page.post(f"{BASE}/{path}", json=with_ids(body, ids)))


def check(path: str, answer: Any) -> None:
    """Check that a route has answered, or said in a sentence that something is missing."""
    if path in MAY_BE_MISSING and answer.status_code == 404:
        assert answer.get_json()["message"], path
    elif path in {"runs/log", "runs/logs/archive"}:
        assert answer.status_code == 200, (path, answer.data)
    else:
        strictly(answer)
