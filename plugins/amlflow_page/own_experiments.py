"""Hides amlflow's own experiments in MLflow's page.

They hold what amlflow keeps for itself: snapshots, saved views and registries. Only the page's own
search leaves them out. Clients of MLflow's REST API find them.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, make_response, request

from amlflow_page.views import EXPERIMENT as VIEWS

OWN = frozenset(
    {
        VIEWS, "amlflow.snapshots", "amlflow.models", "amlflow.datasets", "amlflow.datastores",
        "amlflow.environments", "amlflow.properties",
    }
)  # fmt: skip
MLFLOW_VIEW = "_search_experiments"
"""The MLflow view that answers the searches of MLflow's page and of its clients."""
PAGES = "/ajax-api/"
"""Part of the addresses that MLflow's page uses, and its clients do not."""


def hide_own_experiments(app: Flask) -> None:
    """Leave amlflow's own experiments out of the answers to MLflow's page."""
    original = app.view_functions[MLFLOW_VIEW]

    def search_experiments() -> Any:
        answer = make_response(original())
        if PAGES not in request.path or answer.status_code != 200:
            return answer
        return without_own(answer)

    app.view_functions[MLFLOW_VIEW] = search_experiments


def without_own(answer: Response) -> Response:
    """Remove amlflow's own experiments from the answer to a search, and return the answer."""
    content = answer.get_json()
    experiments = content.get("experiments", [])
    content["experiments"] = [item for item in experiments if item.get("name") not in OWN]
    answer.set_data(json.dumps(content))
    return answer
