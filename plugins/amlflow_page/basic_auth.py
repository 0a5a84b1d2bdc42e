"""The app for ``mlflow server --app-name amlflow-basic-auth``: with MLflow's users and permissions.

``mlflow server`` imports this module before it starts workers. The secret key and the first user's
password are checked then, as MLflow checks them for its own app. A worker that checked them would
end with the error, and would be started again and again.
"""

from __future__ import annotations

import os
from typing import Any

from amlflow_mlflow_private import USERS_CHECKED
from mlflow.server import app
from mlflow.server import auth as users

from amlflow_page.access import Users
from amlflow_page.app import extend

if USERS_CHECKED not in os.environ:
    users.get_flask_server_secret_key()
    users.bootstrap_admin_user()
    os.environ[USERS_CHECKED] = "true"


def create_app() -> Any:
    """Return the app that a worker of the server runs."""
    served = users.create_app()
    extend(app, Users())
    return served
