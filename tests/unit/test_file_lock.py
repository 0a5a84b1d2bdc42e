"""Locks on files."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from amlflow import file_lock


def test_one_holds_a_lock_at_a_time_and_the_next_one_waits(tmp_path: Path) -> None:
    path, within = tmp_path / "lock", 0
    started = threading.Barrier(4)

    def work(_: int) -> int:
        nonlocal within
        started.wait(10)
        most = 0
        for _ in range(50):
            with file_lock.hold(path):
                within += 1
                most = max(most, within)
                assert file_lock.is_taken(path)
                within -= 1
        return most

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [1, 1, 1, 1]
    assert not file_lock.is_taken(path)


def test_a_lock_is_released_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    try:
        with file_lock.hold(path):
            raise KeyError("broken")
    except KeyError:
        pass
    assert not file_lock.is_taken(path)
