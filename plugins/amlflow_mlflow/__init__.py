"""MLflow as a tracker: a server, or the database that MLflow itself would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.exceptions import UserErrorException
from amlflow.spec import Feature, hookimpl, redacted

from amlflow_mlflow.limits import SERVER_LIMITS

if TYPE_CHECKING:
    from amlflow.spec import RunKeeper, Tracker

amlflow_spec = 1
features = frozenset(Feature)
known_limits = SERVER_LIMITS
check_uri = "sqlite:///{folder}/mlflow.db"

SCHEMES = {"http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks"}


@hookimpl
def amlflow_tracker(uri: str) -> Tracker | None:
    """Take the URIs that ``mlflow.set_tracking_uri`` takes; ``postgresql+driver`` too."""
    if uri.partition(":")[0].partition("+")[0] not in SCHEMES:
        return None
    # A plugin is imported in every process; what opens a tracker only where one is opened.
    from amlflow_mlflow.tracker import MlflowTracker

    if uri.startswith(("http:", "https:")):
        return MlflowTracker(uri)
    _check_installed(uri)
    # As above.
    from amlflow_mlflow.without_mlflow.sqlite_tracker import open_sqlite

    tracker = open_sqlite(uri)
    if tracker is not None:
        return tracker
    mlflow = MlflowTracker(uri)
    return open_sqlite(uri, mlflow) or mlflow  # a new database has its tables now


def _check_installed(uri: str) -> None:
    """Raise :class:`UserErrorException` without MLflow, which databases need."""
    # It does not import MLflow, which takes seconds.
    from importlib.util import find_spec

    if find_spec("mlflow") is None:
        raise UserErrorException(
            f"The tracking URI {redacted(uri)!r} is MLflow's, and MLflow is not installed here: "
            "pip install 'amlflow[mlflow]', or set MLFLOW_TRACKING_URI to another tracker's URI."
        )


@hookimpl
def amlflow_run_keeper(uri: str) -> RunKeeper | None:
    """Take servers and sqlite databases; for the rest, the tracker is the keeper."""
    # Only an agent needs it.
    from amlflow_mlflow.without_mlflow.run_keeper import open_keeper

    return open_keeper(uri)
