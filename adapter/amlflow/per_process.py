"""Values that each process makes for itself, once.

A connection, a lock or a thread does not work in the child of a fork. So the child does not use its
parent's values, but makes its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class PerProcess(Generic[Value]):
    """Values by key, each made at its first use in this process. Safe to use from several threads.

    Args:
        on_fork: Called in the child of a fork with the values of its parent.
    """

    def __init__(self, on_fork: Callable[[dict[str, Value]], None] | None = None) -> None:
        self._values: dict[str, Value] = {}
        # Making one value may need another one.
        self._lock = threading.RLock()
        self._on_fork = on_fork
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset_after_fork)

    def get(self, key: str, make: Callable[[str], Value]) -> Value:
        """Return the value of a key. ``make(key)`` makes it, once for all threads."""
        value = self._values.get(key)
        if value is None:
            with self._lock:
                value = self._values.get(key)
                if value is None:
                    value = self._values[key] = make(key)
        return value

    def items(self) -> list[tuple[str, Value]]:
        """Return the keys and values that this process has made."""
        return list(self._values.items())

    def forget(self, key: str) -> None:
        """Forget the value of a key. It is made again at its next use."""
        self._values.pop(key, None)

    def _reset_after_fork(self) -> None:
        # Another thread of the parent may have held the lock; it does not exist in the child.
        self._lock = threading.RLock()
        inherited, self._values = self._values, {}
        if self._on_fork is not None:
            self._on_fork(inherited)
