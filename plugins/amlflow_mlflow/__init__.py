"""MLflow as a tracker: a server, or the database that MLflow itself would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.spec import Feature, hookimpl

if TYPE_CHECKING:
    from amlflow.spec import RunKeeper, Tracker

amlflow_spec = 1
features = frozenset(Feature)
check_uri = "sqlite:///{folder}/mlflow.db"

SCHEMES = {"http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks"}


@hookimpl
def amlflow_tracker(uri: str) -> Tracker | None:
    """Take the URIs that ``mlflow.set_tracking_uri`` takes; ``postgresql+driver`` too."""
    if uri.partition(":")[0].partition("+")[0] not in SCHEMES:
        return None
    from amlflow_mlflow.without_mlflow.sqlite_tracker import open_quick

    quick = open_quick(uri)
    if quick is not None:
        return quick
    from amlflow_mlflow.tracker import MlflowTracker  # importing MLflow takes a second or two

    opened = MlflowTracker(uri)
    return open_quick(uri, opened) or opened  # a new database has its tables now


@hookimpl
def amlflow_run_keeper(uri: str) -> RunKeeper | None:
    """Take servers and sqlite databases; for the rest, the tracker is the keeper."""
    from amlflow_mlflow.without_mlflow.run_keeper import open_keeper

    return open_keeper(uri)
