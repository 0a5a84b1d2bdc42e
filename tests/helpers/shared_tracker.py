"""The reference tracker in a file that several processes share, unlike ``MemoryTracker``.

``open_shared("shared:<path>")`` opens it in any process that imports this module. Each call takes a
lock, reads the file, does what the reference tracker does, and replaces the file.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import filelock
from amlflow.per_process import PerProcess
from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Feature,
    ModelRecord,
    RunQuery,
    RunRecord,
    Unavailable,
    is_tried_once,
)
from amlflow.testing.memory import MemoryTracker

STATE = [
    "_experiments", "_runs", "_deleted", "_points", "_files", "_snapshots", "_models", "_versions",
    "_model_files",
]  # fmt: skip
READS = [
    "find_experiment", "get_experiment", "get_run", "run_numbers", "count_runs", "first_runs",
    "field_values", "read_points", "list_files", "get_file", "has_snapshot", "get_snapshot",
    "get_model", "list_model_files", "get_model_files",
]  # fmt: skip
WRITES = [
    "ensure_experiment", "update_experiment", "delete_experiment", "create_runs", "update_run",
    "write_points", "put_files", "put_snapshot", "register_model", "update_model",
    "delete_model", "delete_run", "restore_run",
]  # fmt: skip
PAUSE_S = 0.005
WAIT_S = 20.0
"""How long a call waits for the lock, unless it is to be tried only once."""
T = TypeVar("T")


class SharedTracker(MemoryTracker):
    """The reference tracker in a file, with all features."""

    features = frozenset(Feature)

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._path = Path(uri.partition(":")[2])
        self._mutex = threading.RLock()
        self._depth = 0

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the reference tracker on the file's content."""
        with self.open(is_write=name in WRITES):
            return getattr(MemoryTracker, name)(self, *args, **kwargs)

    @contextlib.contextmanager
    def open(self, *, is_write: bool) -> Iterator[None]:
        """Load the state under a lock, and save it at the end of a write."""
        with self._mutex:
            if self._depth:
                yield
                return
            timeout = 0.05 if is_tried_once() else WAIT_S
            try:
                lock = filelock.FileLock(f"{self._path}.lock", timeout, thread_local=False)
                with lock.acquire(poll_interval=PAUSE_S):
                    self.load()
                    self._depth = 1
                    try:
                        yield
                        if is_write:
                            self.save()
                    finally:
                        self._depth = 0
            except filelock.Timeout:
                raise Unavailable(f"Another process holds {str(self._path)!r}.") from None

    def load(self) -> None:
        """Read the state that some process has saved last."""
        if self._path.exists():
            state, number = pickle.loads(self._path.read_bytes())
            self.__dict__.update(state)
            self._ids = itertools.count(number)

    def save(self) -> None:
        """Replace the file with this object's state."""
        number = next(self._ids)
        self._ids = itertools.count(number)
        state = {name: getattr(self, name) for name in STATE}
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        new.write_bytes(pickle.dumps((state, number)))
        new.replace(self._path)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        with self.open(is_write=False):
            records = list(super().list_experiments())
        return iter(records)

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        with self.open(is_write=False):
            runs = list(super().find_runs(query))
        return iter(runs)

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        with self.open(is_write=False):
            models = list(super().find_models(conditions))
        return iter(models)

    def own_paths(self) -> list[Path]:
        return [self._path.parent]


def _through(name: str) -> Callable[..., Any]:
    def method(self: SharedTracker, *args: Any, **kwargs: Any) -> Any:
        return self.call(name, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (*READS, *WRITES):
    setattr(SharedTracker, _name, _through(_name))

_open: PerProcess[SharedTracker] = PerProcess()


def open_shared(uri: str) -> SharedTracker:
    """Return the tracker of a URI, one for each process."""
    return _open.get(uri, SharedTracker)
