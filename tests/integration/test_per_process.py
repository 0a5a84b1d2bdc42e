"""A value is made once in each process. The child of a fork makes its own."""

from __future__ import annotations

import os
import threading

from amlflow.per_process import PerProcess


def test_a_value_is_made_once_for_all_threads() -> None:
    made: list[str] = []
    all_here = threading.Barrier(8)

    def make(key: str) -> object:
        made.append(key)
        return object()

    values: PerProcess[object] = PerProcess()
    seen: list[object] = []

    def ask() -> None:
        all_here.wait()
        seen.append(values.get("key", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["key"]
    assert len(set(map(id, seen))) == 1


def test_making_one_value_may_ask_for_another() -> None:
    values: PerProcess[str] = PerProcess()
    assert values.get("outer", lambda key: values.get("inner", str.upper) + key) == "INNERouter"


def test_a_failure_is_not_kept() -> None:
    values: PerProcess[float] = PerProcess()
    for divisor, expected in ((0, None), (2, 0.5)):
        try:
            found = values.get("half", lambda _, divisor=divisor: 1 / divisor)  # type: ignore[misc]
        except ZeroDivisionError:
            found = None
        assert found == expected


def test_the_child_of_a_fork_makes_its_own_and_hears_what_was_there() -> None:
    heard: list[dict[str, str]] = []
    values: PerProcess[str] = PerProcess(heard.append)
    values.get("key", lambda _: "parent")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        answer = f"{values.get('key', lambda _: 'child')} {heard}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1000).decode() == "child [{'key': 'parent'}]"
    assert values.items() == [("key", "parent")]
    assert heard == []


def test_a_fork_while_another_thread_makes_a_value_leaves_no_lock_behind() -> None:
    values: PerProcess[str] = PerProcess()
    is_making, may_end = threading.Event(), threading.Event()

    def make(key: str) -> str:
        is_making.set()
        may_end.wait()
        return key

    thread = threading.Thread(target=values.get, args=("slow", make))
    thread.start()
    is_making.wait()
    child = os.fork()
    if not child:
        values.get("quick", str)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    may_end.set()
    thread.join()
    assert status == 0
