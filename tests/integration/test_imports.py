"""If a process forks while a thread of amlflow imports a module, the child can import it, too."""

from __future__ import annotations

import importlib
import multiprocessing
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from amlflow import fork_safety
from amlflow.layers import stack

SLOW = """
import sys
sys.begun.set()
assert sys.goes_on.wait(60)
"""


@pytest.fixture
def ours() -> types.ModuleType:
    """A module of amlflow's that imports another in a call."""
    module = types.ModuleType("amlflow_plugin_of_a_test")
    exec("def call(): import slow_to_import", module.__dict__)
    return module


@pytest.fixture
def importing(
    ours: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> threading.Event:
    """What lets an import end that has begun in another thread."""
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("slow_to_import", None)
    begun, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "begun", begun, raising=False)
    monkeypatch.setattr(sys, "goes_on", goes_on, raising=False)
    thread = threading.Thread(target=ours.call)
    thread.start()
    assert begun.wait(60)
    monkeypatch.setattr(fork_safety, "MAX_WAIT_S", 5.0)
    assert stack.wait_for_imports is fork_safety.wait_for_imports
    return goes_on


def test_a_fork_waits_for_the_import(
    importing: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    is_importing = fork_safety._is_importing

    def look(frame: types.FrameType | None) -> bool:
        found = is_importing(frame)
        looked.append(found)
        if found:
            importing.set()
        return found

    monkeypatch.setattr(fork_safety, "_is_importing", look)
    child = multiprocessing.get_context("fork").Process(target=lambda: __import__("slow_to_import"))
    child.start()
    child.join(60)
    child.kill()
    child.join()
    assert (child.exitcode, any(looked)) == (0, True)


def test_a_fork_does_not_wait_for_ever(
    importing: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_safety, "MAX_WAIT_S", 0.05)
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    importing.set()
    assert child.exitcode == 0


def test_looking_at_threads_starts_no_collection_which_would_never_end() -> None:
    """A thread-local object is collected with the lock that the look holds."""
    code = """
import gc, threading
from amlflow.fork_safety import wait_for_imports

over = threading.Event()
for allocations in range(1, 15):
    gc.disable()
    gc.collect()
    for _ in range(10):
        threading.Thread(target=over.wait).start()
    local = threading.local()
    local.own = [local]
    del local
    gc.set_threshold(gc.get_count()[0] + allocations)
    gc.enable()
    wait_for_imports()
    assert gc.isenabled()
gc.disable()
wait_for_imports()
assert not gc.isenabled()
over.set()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_fork_waits_for_nobody_elses_imports(
    ours: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "looks.py").write_text("import sys; sys.seen.append(sys._getframe())")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[types.FrameType] = []
    monkeypatch.setattr(sys, "seen", seen, raising=False)
    importlib.import_module("looks")
    assert not fork_safety._is_importing(seen[0])
