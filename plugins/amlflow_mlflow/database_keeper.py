"""The run keeper on MLflow's default database, which it writes directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from amlflow.spec import RunChange, RunRecord
from amlflow.tracker_data import read_text
from amlflow.whole_files import copy_file

from amlflow_mlflow.changes import KILLED, check_conflict, spell
from amlflow_mlflow.own_paths import local_folder, own_paths, path_below
from amlflow_mlflow.records import to_run
from amlflow_mlflow.spelling import to_file_path
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.entries import add_params, set_tags
from amlflow_mlflow.sqlite.rows import read_run
from amlflow_mlflow.tracker_keeper import TrackerKeeper

_SET_STATUS = (
    "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND NOT (? AND status = ?)"
)
_SET_END = "UPDATE runs SET end_time = ? WHERE run_uuid = ?"
_DELETE_TAG = "DELETE FROM tags WHERE key = ? AND run_uuid = ?"


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
