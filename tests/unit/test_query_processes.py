"""Which questions are answered by another process, and how several users share the processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from amlflow.testing.memory import MemoryTracker
from amlflow_page import query_processes
from amlflow_page.access import KnownAccess
from amlflow_page.all_runs import is_quick
from amlflow_page.answers import Answer
from amlflow_page.deadline import Busy, ProcessEnded, Superseded, TookTooLong
from amlflow_page.query_processes import MAX_OF_ONE, Asker, QueryProcesses
from amlflow_page.query_worker import Question

ADA, WILLEM = Asker("ada"), Asker("willem")


class HeldProcess:
    """A process that answers when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.free, self.closed = threading.Event(), threading.Event(), False
        self.outcome: Exception | None = None

    is_usable = True

    def ask(self, question: Question, seconds: float) -> Answer:
        self.asked.set()
        self.free.wait(10)
        self.free.clear()
        if self.outcome:
            raise self.outcome
        return Answer(200, question.name)

    def kill(self) -> None:
        self.outcome = EOFError()
        self.free.set()

    def close(self) -> None:
        self.closed = True


class Held:
    """The processes of a worker, each of which a test holds."""

    def __init__(self) -> None:
        self.started: list[HeldProcess] = []
        self.processes = QueryProcesses(self.start)
        self.pool = ThreadPoolExecutor(20)

    def start(self) -> HeldProcess:
        self.started.append(HeldProcess())
        return self.started[-1]

    def ask(self, asker: Asker, name: str = "search") -> Future[Answer]:
        ask = self.processes.ask
        return self.pool.submit(ask, asker, name, {}, KnownAccess())

    def ask_and_wait(self, asker: Asker, name: str = "search") -> Future[Answer]:
        """The question, once its process has got it."""
        count = len(self.started)
        future = self.ask(asker, name)
        while len(self.started) == count and not future.done():
            threading.Event().wait(0.001)
        self.started[-1].asked.wait(10)
        return future


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    monkeypatch.setattr(query_processes.server_workspace, "name", lambda: None)
    held = Held()
    yield held
    for process in held.started:
        process.kill()
    held.pool.shutdown()


def test_a_process_is_used_again(held: Held) -> None:
    for name in ("first", "second"):
        answer = held.ask(ADA, name)
        while not held.started:
            threading.Event().wait(0.001)
        held.started[0].free.set()
        assert answer.result(10).text == name
    assert len(held.started) == 1


def test_the_first_process_is_started_before_it_is_needed_and_once(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_processes, "START_AFTER_S", 0.0)
    for _ in range(2):
        held.processes.start_soon()
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join(10)
    assert len(held.started) == 1
    held.started[0].free.set()
    assert held.ask(ADA).result(10).status == 200
    assert len(held.started) == 1


def test_a_first_process_that_starts_while_they_are_closed_is_closed(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_processes, "START_AFTER_S", 0.0)
    begins = threading.Event()

    def start() -> HeldProcess:
        begins.set()
        held.processes.close()
        return held.start()

    held.processes = QueryProcesses(start)
    held.processes.start_soon()
    assert begins.wait(10)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(10)
    assert [process.closed for process in held.started] == [True]


def test_a_process_that_has_ended_or_grown_is_not_used_again(held: Held) -> None:
    answer = held.ask_and_wait(ADA)
    held.started[0].free.set()
    answer.result(10)
    held.started[0].is_usable = False
    held.ask_and_wait(ADA)
    assert (len(held.started), held.started[0].closed) == (2, True)


def test_one_person_leaves_a_process_to_the_others(held: Held) -> None:
    for _ in range(MAX_OF_ONE):
        held.ask_and_wait(ADA)
    third = held.ask(ADA, "third")
    other = held.ask_and_wait(WILLEM, "other")
    held.started[-1].free.set()
    assert other.result(10).text == "other"
    assert not third.done()
    held.started[0].free.set()
    held.started[0].asked.clear()
    held.started[0].asked.wait(10) or held.started[-1].asked.wait(10)
    for process in held.started:
        process.free.set()
    assert third.result(10).text == "third"


def test_who_waits_too_long_is_told_that_the_server_is_busy(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_processes, "MAX_WAIT_S", 0.01)
    for _ in range(MAX_OF_ONE):
        held.ask_and_wait(ADA)
    with pytest.raises(Busy, match="Try again"):
        held.ask(ADA).result(10)


def test_only_so_many_wait(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MAX_OF_ONE):
        held.ask_and_wait(ADA)
    monkeypatch.setattr(query_processes, "MAX_WAITING", 0)
    with pytest.raises(Busy):
        held.ask(ADA).result(10)


def test_a_list_that_is_read_anew_ends_the_query_before_it(held: Held) -> None:
    tab = Asker("ada", "a tab")
    first = held.ask_and_wait(tab)
    second = held.ask_and_wait(tab, "second")
    with pytest.raises(Superseded):
        first.result(10)
    assert held.started[0].closed
    held.started[1].free.set()
    assert second.result(10).text == "second"


def test_a_query_that_comes_after_the_next_one_does_not_end_it(held: Held) -> None:
    second = held.ask_and_wait(Asker("ada", "a tab", 2), "second")
    with pytest.raises(Superseded):
        held.ask(Asker("ada", "a tab", 1), "first").result(10)
    held.started[0].free.set()
    assert second.result(10).text == "second"


def test_another_tab_ends_no_query(held: Held) -> None:
    first = held.ask_and_wait(Asker("ada", "a tab"), "first")
    held.ask_and_wait(Asker("ada", "another tab"))
    held.started[0].free.set()
    assert first.result(10).text == "first"


@pytest.mark.parametrize(
    ("outcome", "error"), [(TimeoutError(), TookTooLong), (EOFError(), ProcessEnded)]
)
def test_a_process_that_gives_no_answer_is_not_used_again(
    held: Held, outcome: Exception, error: type[Exception]
) -> None:
    asked = held.ask_and_wait(ADA)
    held.started[0].outcome = outcome
    held.started[0].free.set()
    with pytest.raises(error):
        asked.result(10)
    assert held.started[0].closed
    held.ask_and_wait(ADA)
    assert len(held.started) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, True),
        ({"sort": "-tag:stage", "statuses": ["Failed"], "tags": ["a=b"]}, True),
        ({"sort": "metric:loss", "children": True}, True),
        ({"cursor": "5"}, True),
        ({"sort": "name", "cursor": "5.50"}, False),  # reads the pages before it, too
        ({"query": "[?name=='a' && tags.stage=='prod']"}, True),
        ({"query": "[?metrics.loss < `0.1`]"}, True),
        ({"query": "[?name=='a' || name=='b']"}, False),  # two searches
        ({"query": "[?length(name) > `3`]"}, False),
        ({"query": "[].name"}, False),
        ({"text": "words"}, False),
        ({"statuses": ["Failed", "Running"]}, False),
        ({"submitters": ["ada"]}, False),
        ({"targets": ["sdk"]}, False),
        ({"tree": True}, False),
        ({"in_group": {"column": "status", "value": "Failed"}}, False),
        ({"changed": {"kind": "new", "since": "2026-01-01"}}, False),
    ],
)
def test_what_only_the_tracker_searches_needs_no_process(body: Any, expected: bool) -> None:
    assert is_quick(MemoryTracker("memory:"), body) is expected


def test_runs_that_the_tracker_cannot_sort_are_sorted_in_a_process() -> None:
    tracker = MemoryTracker("memory:")
    tracker.features = frozenset()
    assert not is_quick(tracker, {"sort": "name"})
    assert is_quick(tracker, {"sort": "-created"})


def test_what_another_process_knows_of_the_user() -> None:
    known = KnownAccess(frozenset({"1", "2"}), frozenset({"2"}))
    assert known.readable(["1", "3"]) == {"1"}
    assert (known.may_change_in("1"), known.may_change_in("2")) == (False, True)
    assert KnownAccess().readable(["3"]) == {"3"}


@pytest.mark.parametrize("ids", [None, frozenset(), frozenset({"1", "2"})])
def test_a_question_is_sent_as_json(ids: frozenset[str] | None) -> None:
    question = Question("search", {"query": "ä\ud800", "page": None}, KnownAccess(ids, None), "w")
    assert Question.from_bytes(question.to_bytes()) == question
