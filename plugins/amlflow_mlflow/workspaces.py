"""MLflow's workspaces, by which a server or a database shows a caller some of its runs only."""

from __future__ import annotations

import os

SETTING = "MLFLOW_ENABLE_WORKSPACES"


def are_enabled() -> bool:
    """Whether MLflow shows a caller the runs of one workspace only."""
    return os.environ.get(SETTING, "false").lower() in ("true", "1")
