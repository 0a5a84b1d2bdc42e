"""One user's long query runs in another process, while other users open their pages."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from amlflow_page import query_processes, server_workspace
from amlflow_page.access import Everybody
from amlflow_page.answers import Answer
from amlflow_page.query_processes import QueryProcess, QueryProcesses
from amlflow_page.query_worker import Question
from flask import Flask

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import many_runs

RUNS = 1000
SLOW = "[?contains([" + ", ".join(["sort(keys(@))"] * 600) + "], 'a')]"
"""Some seconds, for so many runs."""


class WatchedProcess(QueryProcess):
    """A process that says in the client's queue that it is about to answer a question."""

    def __init__(self, uri: str, asked: SimpleQueue[WatchedProcess]) -> None:
        super().__init__(uri)
        self._asked = asked

    def ask(self, question: Question, seconds: float) -> Answer:
        self._asked.put(self)
        return super().ask(question, seconds)


class Client:
    """A browser, in this process: a request takes a thread, as in a server's worker."""

    def __init__(self, app: Flask, asked: SimpleQueue[WatchedProcess]) -> None:
        self._app = app
        self.asked = asked

    def post(self, path: str, **content: Any) -> tuple[int, Any]:
        answer = self._app.test_client().post(f"/ajax-api/2.0/amlflow/{path}", json=content)
        return answer.status_code, json.loads(answer.get_data())


@pytest.fixture
def client(sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    from amlflow_page import routes

    many_runs.fill(Path(sqlite_uri.removeprefix("sqlite:///")), RUNS)
    server_workspace.runs.cache_clear()
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", sqlite_uri)
    asked: SimpleQueue[WatchedProcess] = SimpleQueue()
    processes = QueryProcesses(lambda: WatchedProcess(sqlite_uri, asked))
    monkeypatch.setattr(routes, "PROCESSES", processes)
    app = Flask(__name__)
    routes.add_routes(app, Everybody())
    yield Client(app, asked)
    processes.close()
    server_workspace.runs.cache_clear()


def test_the_first_query_of_a_process_waits_for_no_import_of_mlflow() -> None:
    loaded = f"{query_processes.MLFLOW_STORE!r} in __import__('sys').modules"
    with query_processes.process_context().Pool(1) as pool:
        assert pool.apply(eval, (loaded,))


def test_others_open_their_pages_while_a_long_query_runs(client: Client) -> None:
    status, page = client.post(
        "runs/search", query="[?name=='run-7' || name=='']"
    )  # starts a process
    assert status == 200, page
    assert [row["name"] for row in page["rows"]] == ["run-7"]
    assert page["writable"] == [page["rows"][0]["experiment_id"]]
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(client.post, "runs/search", query=SLOW, tab="1")
        pages = 0
        while not query.done() and pages < 5:
            status, page = client.post("runs/search", sort="name")
            assert status == 200, page
            assert len(page["rows"]) == 50
            pages += 1
        assert pages == 5
        # The same tab sends another query, and does not wait for the first one.
        status, page = client.post("runs/search", query="[?name=='run-8' || name=='']", tab="1")
        assert status == 200, page
        assert len(page["rows"]) == 1
        assert query.result(120)[0] == 409


def test_a_query_that_takes_too_long_is_ended_and_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("runs/search", query="[?name=='run-7' || name=='']")
    monkeypatch.setattr(query_processes, "LIMIT_S", 0.1)
    monkeypatch.setattr(query_processes, "GRACE_S", 0.1)
    status, content = client.post("runs/search", query=SLOW)
    assert (status, content["message"]) == (
        400,
        "The query was given up after 0.2 seconds. Choose fewer runs first, by experiment, status "
        "or time.",
    )


def test_errors_of_a_process_are_answers(client: Client) -> None:
    assert client.post("runs/groups", group="size")[0] == 400
    status, content = client.post("runs/search", query="[?")
    assert (status, content["of"], content["place"]) == (400, "query", 2)
    while not client.asked.empty():
        client.asked.get()
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(client.post, "runs/search", query=SLOW)
        client.asked.get(timeout=120).kill()
        status, content = query.result(120)
    assert (status, content["message"][:44]) == (
        500,
        "The process of this query ended before its a",
    )
    status, content = client.post("runs/groups", group="status")
    assert (status, content["runs"]) == (200, RUNS)
