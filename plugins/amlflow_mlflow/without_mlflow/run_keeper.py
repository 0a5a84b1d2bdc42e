"""What an agent needs of MLflow, without importing it.

``import mlflow`` takes seconds and over 200 MB, which an agent that sits beside a sleeping script
would keep. The two most common stores are simple enough to be spoken to directly: a server's public
REST API, and the database that MLflow makes by default. Where either is set up in a way that this
does not know, :func:`open_keeper` returns None and MLflow itself is used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from amlflow.spec import RunChange, RunKeeper, RunRecord
from amlflow.whole_files import copy_file

from amlflow_mlflow.changes import Spelled, spell
from amlflow_mlflow.own_paths import check_run_folder, local_folder, path_below
from amlflow_mlflow.records import to_run
from amlflow_mlflow.spelling import to_file_path

_BEYOND = (
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_ENABLE_WORKSPACES",
    "MLFLOW_WORKSPACE",
)
"""Settings of MLflow's client that are left to MLflow."""


class Wire(Protocol):
    """One store: a run as MLflow has it, and a change of it."""

    def read(self, run_id: str) -> Any:
        """An object with ``info`` (status, artifact_uri …) and ``data`` (tags, params)."""

    def write(self, run_id: str, todo: Spelled) -> None:
        """Apply a change."""

    def put(self, artifact_uri: str, name: str, path: Path) -> None:
        """Store a file in a store that is not a local folder."""

    def own_paths(self) -> Sequence[Path]:
        """See :meth:`amlflow.spec.Tracker.own_paths`."""


def open_keeper(uri: str) -> RunKeeper | None:
    """The keeper for a URI, or None where MLflow itself is needed."""
    if any(name in os.environ for name in _BEYOND):
        return None
    if uri.startswith(("http://", "https://")):
        if (Path.home() / ".mlflow" / "credentials").exists():
            return None
        # An agent loads what its own store needs and no more.
        from amlflow_mlflow.without_mlflow.rest_api import HttpWire

        return DirectKeeper(HttpWire(uri), uri)
    if uri.startswith("sqlite:///") and "?" not in uri:
        # An agent loads what its own store needs and no more.
        from amlflow_mlflow.without_mlflow.sqlite_tables import SqliteTables

        tables = SqliteTables(uri)
        return DirectKeeper(tables, uri) if tables.are_known() else None
    return None


class DirectKeeper:
    """See :class:`amlflow.spec.RunKeeper`.

    What of a run becomes a path is told in :mod:`amlflow_mlflow.own_paths`.
    """

    def __init__(self, wire: Wire, uri: str) -> None:
        self._wire, self._uri = wire, uri
        self._artifacts: dict[str, str] = {}
        self._mlflow: RunKeeper | None = None

    def get_run(self, run_id: str) -> RunRecord:
        run = self._wire.read(run_id)
        self._artifacts[run_id] = run.info.artifact_uri
        return to_run(run)

    def update_run(self, run_id: str, change: RunChange) -> None:
        self._wire.write(run_id, spell(change))

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        if run_id not in self._artifacts:
            self.get_run(run_id)
        root = self._artifacts[run_id]
        if self._uri.startswith("http"):
            check_run_folder(root, run_id)
        folder = _local(root)
        # mlflow-artifacts://host/… may be at another server.
        if (
            not replace
            or (folder is None and not root.startswith("mlflow-artifacts:/"))
            or (root.startswith("mlflow-artifacts://") and urlsplit(root).netloc)
        ):
            self._full().put_files(run_id, files, replace=replace)
            return
        for name, path in files.items():
            if folder is None:
                self._wire.put(root, to_file_path(name), path)
            else:
                target = path_below(folder, to_file_path(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                copy_file(path, target)  # another process may be reading the old one

    def own_paths(self) -> Sequence[Path]:
        return self._wire.own_paths()

    def _full(self) -> RunKeeper:
        """MLflow's own client, for artifact stores that need it."""
        if self._mlflow is None:
            # It takes seconds to import, and most artifact stores do without.
            from amlflow_mlflow.tracker import MlflowTracker

            self._mlflow = MlflowTracker(self._uri)
        return self._mlflow


def _local(root: str) -> Path | None:
    return local_folder(root) if root.startswith(("file:", "/")) else None
