"""The app for ``mlflow server --app-name amlflow``: MLflow's app with the studio added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlflow_mlflow_private import is_uvicorn

if TYPE_CHECKING:
    from amlflow_page.access import Access


def create_app() -> Any:
    """Return the app that a worker of the server runs."""
    # Imported here, since only a worker needs them; `mlflow server` imports this module, too.
    from mlflow.server import app

    from amlflow_page.access import Everybody

    extend(app, Everybody())
    if not is_uvicorn():
        return app
    # Imported last: on import, it wraps the app as it then is.
    from mlflow.server.fastapi_app import app as served

    return served


def extend(app: Any, access: Access) -> None:
    """Add the studio's routes and page to MLflow's app."""
    # Imported here, since only a worker needs them.
    from amlflow_page.own_experiments import hide_own_experiments
    from amlflow_page.page import add_page
    from amlflow_page.routes import add_routes
    from amlflow_page.tcp_nodelay import send_at_once

    add_routes(app, access)
    add_page(app, access)
    hide_own_experiments(app)
    if is_uvicorn():
        send_at_once()
