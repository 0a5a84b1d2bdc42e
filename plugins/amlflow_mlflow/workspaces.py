"""MLflow's workspaces. With them, a server or database only shows some of its runs to a caller."""

from __future__ import annotations

import os

SETTING = "MLFLOW_ENABLE_WORKSPACES"


def are_enabled() -> bool:
    """Whether MLflow only shows the runs of one workspace."""
    return os.environ.get(SETTING, "false").lower() in ("true", "1")
