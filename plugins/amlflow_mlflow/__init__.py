"""MLflow as a tracker: a server, or a database that MLflow itself can use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from amlflow.spec import Feature, hookimpl

from amlflow_mlflow.limits import OLD_SERVER_LIMITS, SERVER_LIMITS
from amlflow_mlflow.schemes import is_known

if TYPE_CHECKING:
    from amlflow.spec import ClientServer, RunKeeper, Tracker

amlflow_spec = 1
features = frozenset(Feature)
known_limits = [*SERVER_LIMITS, *OLD_SERVER_LIMITS]
check_uri = "sqlite:///{folder}/mlflow.db"


@hookimpl
def amlflow_tracker(uri: str) -> Tracker | None:
    """Accept the URIs of ``mlflow.set_tracking_uri``, also those of MLflow's plugins."""
    if not is_known(uri):
        return None
    # Every process imports this plugin, but only some open a tracker.
    from amlflow_mlflow.tracker import MlflowTracker
    from amlflow_mlflow.tracker_keeper import opened_by_keeper

    return opened_by_keeper(uri) or MlflowTracker(uri)


@hookimpl
def amlflow_explain_failure(output: str) -> str | None:
    """Say what to do if MLflow refuses another experiment, or the schema of the database."""
    if "active experiment ID does not match environment run ID" in output:
        return (
            "The script's run is in the experiment that it was submitted to, and amlflow has "
            "MLflow continue it. Do not call mlflow.set_experiment() before the first "
            "mlflow.start_run(): submit to that experiment, with "
            "Experiment(workspace, name).submit()."
        )
    if "Detected out-of-date database schema" in output:
        return (
            "The mlflow in the script's environment is of another version than the one that made "
            "the database, and cannot open it. amlflow serves the database to scripts in a "
            "virtual environment, but not to those in a container. Use an MLflow server as the "
            "tracker, or the same version of mlflow in the image."
        )
    return None


@hookimpl
def amlflow_run_keeper(uri: str) -> RunKeeper | None:
    """Accept servers and sqlite databases. For other URIs, the tracker is the keeper."""
    # Only an agent needs it.
    from amlflow_mlflow.run_keeper import open_keeper

    return open_keeper(uri)


@hookimpl
def amlflow_client_server(
    uri: str, packages: Path, environ: Mapping[str, str]
) -> ClientServer | None:
    """Serve an MLflow that has another schema than the database at the URI."""
    # Only an agent needs it.
    from amlflow_mlflow.client_server import serve_client

    return serve_client(uri, packages, environ)


@hookimpl
def amlflow_node_variables(uri: str) -> Mapping[str, str] | None:
    """Return the user and the password for a server that are in ``~/.mlflow/credentials``."""
    if not uri.startswith(("http://", "https://")):
        return None
    # Only a process that submits to a cluster needs it.
    from amlflow_mlflow.rest.settings import variables_from_file

    return variables_from_file()
