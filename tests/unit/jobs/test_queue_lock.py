"""The lock of a target's queue."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from amlflow import file_lock
from amlflow.jobs.job import Target
from amlflow.jobs.queue import Queue


def test_one_holds_the_lock_at_a_time_and_the_next_one_waits(tmp_path: Path) -> None:
    queue, within = Queue(Target(name="here", kind="local"), tmp_path / "jobs"), 0
    started = threading.Barrier(4)

    def work(_: int) -> int:
        nonlocal within
        started.wait(10)
        most = 0
        for _ in range(20):
            with queue.lock():
                within += 1
                most = max(most, within)
                threading.Event().wait(0.0001)  # lets the others try
                within -= 1
        return most

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [1, 1, 1, 1]


def test_the_next_one_waits_longer_than_one_try_even_if_the_folder_is_removed(
    tmp_path: Path,
) -> None:
    queue = Queue(Target(name="here", kind="local"), tmp_path / "jobs")
    asked, has_lock = threading.Event(), threading.Event()

    def wait_for_lock() -> None:
        asked.set()
        with queue.lock():
            has_lock.set()

    with ThreadPoolExecutor(1) as pool:
        with queue.lock():
            waiting = pool.submit(wait_for_lock)
            assert asked.wait(10)
            assert not has_lock.wait(0.15)
            shutil.rmtree(tmp_path / "queues")
        waiting.result(10)
    assert has_lock.is_set()


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), KeyboardInterrupt])
def test_a_lock_that_cannot_be_taken_leaves_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def fail(handle: int) -> None:
        handles.append(handle)
        raise error

    handles: list[int] = []
    monkeypatch.setattr(file_lock, "_lock", fail)
    with pytest.raises((OSError, KeyboardInterrupt)):
        file_lock.take(tmp_path / "lock")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handles[0])
