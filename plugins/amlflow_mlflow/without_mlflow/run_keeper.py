"""What an agent needs of MLflow, without importing it.

``import mlflow`` takes seconds and over 200 MB, which an agent that sits beside a sleeping script
would keep. A server is spoken to without it anyway, and MLflow's default database is simple enough
to be written directly. For any other store, :func:`open_keeper` returns None and MLflow is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from amlflow.spec import RunChange, RunKeeper, RunRecord, tried_once
from amlflow.whole_files import copy_file

from amlflow_mlflow import workspaces
from amlflow_mlflow.changes import spell
from amlflow_mlflow.own_paths import local_folder, path_below
from amlflow_mlflow.records import to_run
from amlflow_mlflow.spelling import to_file_path
from amlflow_mlflow.without_mlflow.sqlite_tables import SqliteTables


def open_keeper(uri: str) -> RunKeeper | None:
    """The keeper for a URI, or None where MLflow itself is needed."""
    if uri.startswith(("http://", "https://")):
        return TrackerKeeper(uri)
    if uri.startswith("sqlite:///") and "?" not in uri and not workspaces.are_enabled():
        tables = SqliteTables(uri)
        return DatabaseKeeper(tables, uri) if tables.are_known() else None
    return None


class TrackerKeeper:
    """See :class:`amlflow.spec.RunKeeper`: a tracker that is opened at the first call.

    Each call is tried once: an agent tries again itself, and must be free to end meanwhile.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._opened: RunKeeper | None = None

    def _tracker(self) -> RunKeeper:
        if self._opened is None:
            # Most agents of a database do without.
            from amlflow_mlflow.tracker import MlflowTracker

            self._opened = MlflowTracker(self._uri)
        return self._opened

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


class DatabaseKeeper:
    """See :class:`amlflow.spec.RunKeeper`: MLflow's default database.

    What of a run becomes a path is told in :mod:`amlflow_mlflow.own_paths`.
    """

    def __init__(self, tables: SqliteTables, uri: str) -> None:
        self._tables = tables
        self._artifacts: dict[str, str] = {}
        self._mlflow = TrackerKeeper(uri)
        """For artifact stores that need MLflow's clients."""

    def get_run(self, run_id: str) -> RunRecord:
        run = self._tables.read(run_id)
        self._artifacts[run_id] = run.info.artifact_uri
        return to_run(run)

    def update_run(self, run_id: str, change: RunChange) -> None:
        self._tables.write(run_id, spell(change))

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        if run_id not in self._artifacts:
            self.get_run(run_id)
        root = self._artifacts[run_id]
        folder = local_folder(root) if root.startswith(("file:", "/")) else None
        if not replace or folder is None:
            self._mlflow.put_files(run_id, files, replace=replace)
            return
        for name, path in files.items():
            target = path_below(folder, to_file_path(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(path, target)  # another process may be reading the old one

    def own_paths(self) -> Sequence[Path]:
        return self._tables.own_paths()
