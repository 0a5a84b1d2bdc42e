"""The run keeper on a tracker, which it opens at its first call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from amlflow.spec import RunChange, RunRecord, tried_once

if TYPE_CHECKING:
    from amlflow_mlflow.tracker import MlflowTracker

_opened: WeakValueDictionary[tuple[int, str], MlflowTracker] = WeakValueDictionary()
"""The trackers of keepers that are in use, by process and URI."""


def opened_by_keeper(uri: str) -> MlflowTracker | None:
    """Return the tracker at a URI that a keeper of this process has opened, if there is one.

    An agent on a cluster's node needs both. With one tracker, it makes one connection, and asks the
    server for its version once.
    """
    return _opened.get((os.getpid(), uri))


class TrackerKeeper:
    """An :class:`amlflow.spec.RunKeeper` on a tracker, which is opened at the first call.

    Each call is tried only once: the agent itself tries again, and must be able to end in between.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._own: MlflowTracker | None = None

    def _tracker(self) -> MlflowTracker:
        if self._own is None:
            # Imported here, since most agents of a database do not need it.
            from amlflow_mlflow.tracker import MlflowTracker

            self._own = MlflowTracker(self._uri)
            _opened[os.getpid(), self._uri] = self._own
        return self._own

    def get_run(self, run_id: str) -> RunRecord:
        with tried_once():
            return self._tracker().get_run(run_id)

    def update_run(self, run_id: str, change: RunChange) -> None:
        with tried_once():
            self._tracker().update_run(run_id, change)

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        with tried_once():
            self._tracker().put_files(run_id, files, replace=replace)

    def own_paths(self) -> Sequence[Path]:
        return []
