"""Opens MLflow's own store of a database when a call first needs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from amlflow.parts import check_part

if TYPE_CHECKING:
    from amlflow_mlflow.mlflow_store import MlflowStore


class LateStore:
    """MLflow's store at a URI, which is opened at the first use."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._opened: MlflowStore | None = None
        self._lock = threading.Lock()

    def get(self) -> MlflowStore:
        """Return the store. Raises :class:`UserErrorException` if MLflow is not installed."""
        with self._lock:
            if self._opened is None:
                check_part("local", "A run with assessments of MLflow's")
                # It takes seconds to import.
                from amlflow_mlflow.mlflow_store import MlflowStore

                self._opened = MlflowStore(self._uri)
            return self._opened
