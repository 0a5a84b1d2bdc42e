"""The apps for ``mlflow server --app-name``: MLflow's own, with the studio's routes and page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlflow_page.access import Access


def create_app() -> Any:
    """MLflow's app with the studio (``--app-name amlflow``)."""
    from mlflow.server import app

    from amlflow_page.access import Everybody

    _extend(app, Everybody())
    if not _is_uvicorn():
        return app
    from mlflow.server.fastapi_app import app as served

    return served


def create_basic_auth_app() -> Any:
    """The same with MLflow's users and permissions (``--app-name amlflow-basic-auth``)."""
    from mlflow.server import app
    from mlflow.server.auth import create_app as with_basic_auth

    from amlflow_page.access import Users

    served = with_basic_auth()
    _extend(app, Users())
    return served


def _extend(app: Any, access: Access) -> None:
    from amlflow_page.page import add_page
    from amlflow_page.routes import add_routes

    add_routes(app, access)
    add_page(app, access)
    if _is_uvicorn():
        from amlflow_page.nodelay import send_at_once

        send_at_once()


def _is_uvicorn() -> bool:
    """Whether MLflow runs the app with uvicorn, which it notes for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn"
