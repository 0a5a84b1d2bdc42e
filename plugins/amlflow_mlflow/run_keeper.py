"""The methods of the tracker that an agent needs, without importing MLflow.

``import mlflow`` takes seconds and more than 200 MB of memory, which an agent would keep as long as
its script runs. For a server, MLflow is not needed. MLflow's default database is simple enough to
be written directly. For other stores, :func:`open_keeper` returns None, and MLflow is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from amlflow.spec import RunChange, RunKeeper, RunRecord, tried_once
from amlflow.tracker_data import read_text
from amlflow.whole_files import copy_file

from amlflow_mlflow.changes import KILLED, check_conflict, spell
from amlflow_mlflow.own_paths import local_folder, own_paths, path_below
from amlflow_mlflow.records import to_run
from amlflow_mlflow.spelling import to_file_path
from amlflow_mlflow.sqlite.database import Database, is_plain
from amlflow_mlflow.sqlite.entries import add_params, set_tags
from amlflow_mlflow.sqlite.rows import read_run

_SET_STATUS = (
    "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND NOT (? AND status = ?)"
)
_SET_END = "UPDATE runs SET end_time = ? WHERE run_uuid = ?"
_DELETE_TAG = "DELETE FROM tags WHERE key = ? AND run_uuid = ?"


def open_keeper(uri: str) -> RunKeeper | None:
    """Open the keeper for a URI. None if MLflow itself is needed."""
    if uri.startswith(("http://", "https://")):
        return TrackerKeeper(uri)
    if is_plain(uri):
        database = Database(uri, keeps_connections=False)
        return DatabaseKeeper(database) if database.revision() else None
    return None


class TrackerKeeper:
    """An :class:`amlflow.spec.RunKeeper` on a tracker, which is opened at the first call.

    Each call is tried only once: the agent itself tries again, and must be able to end in between.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._opened: RunKeeper | None = None

    def _tracker(self) -> RunKeeper:
        if self._opened is None:
            # Imported here, since most agents of a database do not need it.
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
    """An :class:`amlflow.spec.RunKeeper` on MLflow's default database.

    :mod:`amlflow_mlflow.own_paths` explains which values of a run become a path.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._artifacts: dict[str, str] = {}
        self._tracker = TrackerKeeper(database.uri)
        """The keeper for artifact stores that need MLflow's clients."""

    def get_run(self, run_id: str) -> RunRecord:
        with self._database.read() as connection:
            run = read_run(connection, run_id, self._database.uri)
        self._artifacts[run_id] = run.info.artifact_uri
        return to_run(run)

    def update_run(self, run_id: str, change: RunChange) -> None:
        """Apply a change to a run: all of it, or nothing if there is an error."""
        todo = spell(change)
        with self._database.write() as connection:
            run = read_run(connection, run_id, self._database.uri)
            check_conflict(todo.params, run.data.params, run.data.tags)
            add_params(connection, run_id, todo.params)
            set_tags(connection, run_id, todo.tags)
            for key in todo.removed:
                connection.execute(_DELETE_TAG, (key, run_id))
            if todo.status is not None:
                connection.execute(
                    _SET_STATUS, (todo.status, todo.ended, run_id, todo.starts, KILLED)
                )
            elif todo.ended is not None and to_run(run).ended is not None:
                connection.execute(_SET_END, (todo.ended, run_id))

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        if run_id not in self._artifacts:
            self.get_run(run_id)
        root = self._artifacts[run_id]
        folder = local_folder(root) if root.startswith(("file:", "/")) else None
        if not replace or folder is None:
            self._tracker.put_files(run_id, files, replace=replace)
            return
        for name, path in files.items():
            target = path_below(folder, to_file_path(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(path, target)  # replaces the file, as another process may be reading it

    def own_paths(self) -> Sequence[Path]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments")
            locations = [
                read_text("experiments", "artifact_location", row[0]) or "" for row in rows
            ]
        return own_paths(self._database.path, locations)
