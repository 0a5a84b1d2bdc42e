"""The app for ``mlflow server --app-name amlflow``: MLflow's, with the studio's routes and page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlflow_page.access import Access


def create_app() -> Any:
    """What a worker of the server runs."""
    from mlflow.server import app

    from amlflow_page.access import Everybody

    extend(app, Everybody())
    if not _is_uvicorn():
        return app
    from mlflow.server.fastapi_app import app as served

    return served


def extend(app: Any, access: Access) -> None:
    """Add the studio to an app of MLflow's."""
    from amlflow_page.page import add_page
    from amlflow_page.routes import add_routes

    add_routes(app, access)
    add_page(app, access)
    if _is_uvicorn():
        from amlflow_page.tcp_nodelay import send_at_once

        send_at_once()


def _is_uvicorn() -> bool:
    """Whether MLflow runs the app with uvicorn, which it notes for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn"
