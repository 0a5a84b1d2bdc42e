"""The app for ``mlflow server --app-name amlflow``: MLflow's, with the studio's routes and page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlflow_page.access import Access


def create_app() -> Any:
    """What a worker of the server runs."""
    # Only a worker needs MLflow's app and the routes; `mlflow server` imports this module, too.
    from mlflow.server import app

    from amlflow_page.access import Everybody
    from amlflow_page.private import is_uvicorn

    extend(app, Everybody())
    if not is_uvicorn():
        return app
    # It wraps the app above as it is when it is imported.
    from mlflow.server.fastapi_app import app as served

    return served


def extend(app: Any, access: Access) -> None:
    """Add the studio to an app of MLflow's."""
    # As above: only a worker needs these.
    from amlflow_page.own_experiments import hide_own_experiments
    from amlflow_page.page import add_page
    from amlflow_page.private import is_uvicorn
    from amlflow_page.routes import add_routes
    from amlflow_page.tcp_nodelay import send_at_once

    add_routes(app, access)
    add_page(app, access)
    hide_own_experiments(app)
    if is_uvicorn():
        send_at_once()
