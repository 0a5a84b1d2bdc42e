"""The apps for ``mlflow server --app-name``: MLflow's own, with the studio's routes and page."""

from __future__ import annotations

import os
from typing import Any


def create_app() -> Any:
    """MLflow's app, as its server takes it (``--app-name amlflow``)."""
    if _server() == "uvicorn":
        from mlflow.server.fastapi_app import app

        return app
    from mlflow.server import app as flask_app

    return flask_app


def create_basic_auth_app() -> Any:
    """The same with MLflow's users and permissions (``--app-name amlflow-basic-auth``)."""
    from mlflow.server.auth import create_app as with_basic_auth

    return with_basic_auth()


def _server() -> str | None:
    """The server that runs the app; MLflow notes it for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME")
