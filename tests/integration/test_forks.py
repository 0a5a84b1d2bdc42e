"""A fork waits for what a thread does with a SQLite database, and copies no connection."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from amlflow import fork_safety
from amlflow.fork_safety import delay_forks
from amlflow_mlflow.mlflow_store import MlflowStore
from amlflow_mlflow.sqlite import new_database
from amlflow_mlflow.sqlite.database import Database
from amlflow_trackio.database import Database as TrackioDatabase

FORK = multiprocessing.get_context("fork")


def exit_code(work: Callable[[], object]) -> int | None:
    """Fork a process that does some work. Return its exit code; None if it hangs."""
    child = FORK.Process(target=work)
    child.start()
    child.join(20)
    code = child.exitcode
    child.kill()
    child.join()
    return code


class Block:
    """A block of another thread that ends when a fork waits for it."""

    def __init__(self, run: Callable[[Callable[[], None]], object]) -> None:
        """``run(inside)`` calls ``inside`` in the block."""
        self._begun, self._awaited = threading.Event(), threading.Event()
        self.was_awaited = False
        self._thread = threading.Thread(target=run, args=(self._inside,))
        self._thread.start()
        assert self._begun.wait(20)

    def _inside(self) -> None:
        self._begun.set()
        self.was_awaited = self._awaited.wait(5)

    def note_wait(self) -> None:
        self._awaited.set()

    def join(self) -> None:
        self._thread.join()


@pytest.fixture
def in_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Block]]:
    """Begins a :class:`Block`."""
    blocks: list[Block] = []
    wait_for = fork_safety._blocks._changed.wait_for

    def note_wait(*arguments: Any) -> bool:
        for block in blocks:
            block.note_wait()
        return wait_for(*arguments)

    monkeypatch.setattr(fork_safety._blocks._changed, "wait_for", note_wait)

    def start(run: Callable[[Callable[[], None]], object]) -> Block:
        blocks.append(Block(run))
        return blocks[-1]

    yield start
    for block in blocks:
        block.join()


def check_write(_: Any, writing: Callable[[], AbstractContextManager[Any]]) -> None:
    with writing() as connection:
        connection.execute("CREATE TABLE of_the_child (x)")


def mlflow(folder: Path) -> tuple[Any, Any]:
    database = Database(f"sqlite:///{folder}/mlflow.db")
    new_database.make(database)
    return database, database.write


def trackio(folder: Path) -> tuple[Any, Any]:
    database = TrackioDatabase(folder / "trackio")
    return database, database.writing


@pytest.mark.parametrize("make", [mlflow, trackio])
def test_a_fork_waits_for_a_transaction(
    make: Any, tmp_path: Path, in_thread: Callable[..., Block]
) -> None:
    _, writing = make(tmp_path)

    def write(inside: Callable[[], None]) -> None:
        with writing():
            inside()

    block = in_thread(write)
    assert exit_code(lambda: check_write(*make(tmp_path))) == 0
    block.join()
    assert block.was_awaited


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
def test_a_fork_waits_for_mlflows_own_store(
    tmp_path: Path, in_thread: Callable[..., Block], scheme: str
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    new_database.make(Database(uri))
    store = MlflowStore(uri.replace("sqlite", scheme))

    def write(inside: Callable[[], None]) -> None:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            inside()

    block = in_thread(lambda inside: store.patiently(lambda: write(inside)))
    assert exit_code(lambda: check_write(None, Database(uri).write)) == 0
    block.join()
    assert block.was_awaited


@pytest.mark.parametrize("make", [mlflow, trackio])
def test_a_child_inherits_no_connection(make: Any, tmp_path: Path) -> None:
    database, writing = make(tmp_path)
    with writing():
        pass
    ended, used = threading.Event(), threading.Event()

    def use() -> None:
        with writing():
            pass
        used.set()
        ended.wait(20)

    thread = threading.Thread(target=use)
    thread.start()
    assert used.wait(20)

    def look() -> None:
        names = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
                 if os.path.exists(f"/proc/self/fd/{name}")]  # fmt: skip
        assert not [name for name in names if name.startswith(str(tmp_path))]

    assert exit_code(look) == 0
    ended.set()
    thread.join()
    with writing():
        pass
    del database


def test_what_a_child_writes_to_a_database_with_a_write_ahead_log_outlives_its_parents_connections(
    tmp_path: Path,
) -> None:
    """A child that believes it holds its parent's lock would lose what it writes."""
    database, writing = trackio(tmp_path)
    with writing():
        pass
    go_on, waits = FORK.Event(), FORK.Event()

    def work() -> None:
        _, own = trackio(tmp_path)
        with own() as connection:
            connection.execute("CREATE TABLE before_the_close (x)")
        waits.set()
        assert go_on.wait(20)
        with own() as connection:
            connection.execute("CREATE TABLE after_the_close (x)")
        os._exit(0)  # closes nothing

    child = FORK.Process(target=work)
    child.start()
    assert waits.wait(20)
    with writing():
        pass
    path = database._path
    del database, writing  # closes the parent's connections
    gc.collect()
    go_on.set()
    child.join(20)
    assert child.exitcode == 0
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert {"before_the_close", "after_the_close"} <= names


def test_a_fork_does_not_wait_for_a_block_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_safety, "MAX_WAIT_S", 0.05)
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        with delay_forks():
            begun.set()
            ended.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(20)
    assert exit_code(check_free) == 0
    ended.set()
    thread.join()


def check_free() -> None:
    """The blocks of the parent's other threads do not exist in a child."""
    assert not fork_safety._blocks._running
    with delay_forks():
        pass


def test_a_fork_in_a_block_does_not_wait_for_it_and_the_child_ends_it() -> None:
    def work() -> None:
        assert list(fork_safety._blocks._running.values()) == [1]

    with delay_forks():
        assert exit_code(work) == 0
        assert list(fork_safety._blocks._running.values()) == [1]
    assert not fork_safety._blocks._running


def test_a_block_that_begins_during_a_fork_waits_for_its_end() -> None:
    order: list[str] = []
    begun = threading.Event()

    def work() -> None:
        begun.set()
        with delay_forks():
            order.append("block")

    assert fork_safety._blocks.hold()
    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(20)
    thread.join(0.05)
    order.append("fork")
    fork_safety._blocks.let_go()
    thread.join()
    assert order == ["fork", "block"]


def is_free(lock: threading.RLock) -> bool:
    """Whether another thread gets the lock."""
    with ThreadPoolExecutor(1) as pool:
        return bool(pool.submit(lock.acquire, timeout=5).result())


def test_a_lock_of_a_module_is_free_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.RLock()
    monkeypatch.setattr(fork_safety, "_locks", [])
    assert fork_safety.hold_during_forks(lock) is lock
    begun = threading.Event()

    def work() -> None:
        with lock:
            begun.set()
            forks.wait(20)  # the fork waits for the lock

    def use() -> None:
        assert is_free(lock)

    forks = threading.Event()
    monkeypatch.setattr(fork_safety, "_calls", [forks.set])
    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(20)
    assert exit_code(use) == 0
    thread.join()
    assert is_free(lock)


INTERRUPTED = """
import ctypes, functools, os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
# Calls of C before the fork: Python calls the handler when the next function in Python begins.
kill = functools.partial(ctypes.CDLL(None).kill, os.getpid(), signal.SIGINT)
os.register_at_fork(before=kill)
from amlflow import fork_safety
lock = fork_safety.hold_during_forks(threading.RLock())
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
thread = threading.Thread(target=lambda: print(lock.acquire(timeout=5)))
thread.start()
thread.join()
"""


def test_the_locks_are_free_after_a_fork_that_is_interrupted() -> None:
    """Otherwise Ctrl-C while a DataLoader starts would make a later call hang for ever."""
    process = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True,
                             check=True)  # fmt: skip
    assert "KeyboardInterrupt" in process.stderr
    assert process.stdout == "True\n"


def test_a_signal_handler_may_use_a_database_and_a_lock_while_its_thread_forks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = threading.RLock()
    monkeypatch.setattr(fork_safety, "_locks", [lock])
    fork_safety._prepare_fork()
    try:
        monkeypatch.setattr(fork_safety._blocks._changed, "wait_for", pytest.fail)
        with delay_forks():
            assert lock.acquire(timeout=5)
            lock.release()
    finally:
        fork_safety._end_in_parent()


def test_a_child_of_a_fork_in_a_block_opens_its_own_connection(tmp_path: Path) -> None:
    database, _ = mlflow(tmp_path)

    def look(inherited: sqlite3.Connection) -> None:
        with database.read() as own:
            assert own is not inherited
            own.execute("SELECT 1 FROM runs").fetchall()

    with database.read() as connection:
        assert exit_code(lambda: look(connection)) == 0
