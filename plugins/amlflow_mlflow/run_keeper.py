"""The methods of the tracker that an agent needs, without importing MLflow.

``import mlflow`` takes seconds and more than 200 MB of memory, which an agent would keep as long as
its script runs. For a server, MLflow is not needed. MLflow's default database is simple enough to
be written directly. For other stores, :func:`open_keeper` returns None, and MLflow is used.
"""

from __future__ import annotations

from amlflow.spec import RunKeeper


def open_keeper(uri: str) -> RunKeeper | None:
    """Open the keeper for a URI. None if MLflow itself is needed."""
    if uri.startswith(("http://", "https://")):
        # Imported here, so that a process only loads what its own store needs.
        from amlflow_mlflow.tracker_keeper import TrackerKeeper

        return TrackerKeeper(uri)
    # Imported here, so that a process only loads what its own store needs.
    from amlflow_mlflow.database_keeper import DatabaseKeeper
    from amlflow_mlflow.sqlite.database import Database, is_plain

    if is_plain(uri):
        database = Database(uri, keeps_connections=False)
        return DatabaseKeeper(database) if database.revision() else None
    return None
