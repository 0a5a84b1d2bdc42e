"""The tags of a new run that MLflow's own client also sets: user, source and git commit.

MLflow's page shows these tags. MLflow itself is only imported if it knows more: on Databricks, or
if a package adds a context of its own to MLflow.
"""

from __future__ import annotations

import functools
import getpass
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from amlflow.installed import entry_points_of
from amlflow.spec import redacted

from amlflow_mlflow.rest.settings import user_name

logger = logging.getLogger("amlflow")

USER = "mlflow.user"
_CONTEXTS = "mlflow.run_context_provider"
"""The group of entry points that add a context to MLflow."""
GIT_S = 5


@functools.cache
def context_tags() -> dict[str, str]:
    """Return the tags for the user, source and git commit of this process."""
    if "DATABRICKS_RUNTIME_VERSION" in os.environ or any(entry_points_of(_CONTEXTS)):
        # It takes seconds to import.
        from mlflow.tracking.context.registry import resolve_tags

        tags: dict[str, str] = resolve_tags()
        return tags
    script = sys.argv[0] if sys.argv else ""
    notebook = _notebook() if "ipykernel" in sys.modules else None
    return {
        USER: user_name() or _local_user(),
        "mlflow.source.name": notebook or script or "<console>",
        "mlflow.source.type": "NOTEBOOK" if notebook else "LOCAL",
        **(_git_tags(script) if script else {}),
        **_declared_tags(),
    }


def user() -> str:
    """Return the name of the user who runs this process."""
    return context_tags().get(USER, "")


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container whose user has no name
        return "unknown"


def _notebook() -> str | None:
    """Return the notebook's name, from a variable that VS Code, the user or Jupyter has set."""
    for setting in ("__vsc_ipynb_file__", "IPYNB_FILE", "JPY_SESSION_NAME"):
        if os.environ.get(setting):
            return os.path.basename(os.environ[setting])
    return None


def _git_tags(script: str) -> dict[str, str]:
    """Return the commit, branch and address of the repository that has the script."""
    path = Path(script)
    folder = path if path.is_dir() else path.parent
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    tags = {
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": _ask_git(folder, "symbolic-ref", "--short", "-q", "HEAD"),
        "mlflow.source.git.repoURL": redacted(
            _ask_git(folder, "config", "--get", "remote.origin.url")
        ),
    }
    return {key: value for key, value in tags.items() if value}


def _ask_git(folder: Path, *arguments: str) -> str:
    """Return git's output; "" if git does not exist, takes too long or fails."""
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=GIT_S,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return answer.stdout.strip()


def _declared_tags() -> dict[str, str]:
    """Return the tags in MLFLOW_RUN_CONTEXT, a JSON object of texts."""
    text = os.environ.get("MLFLOW_RUN_CONTEXT")
    if not text:
        return {}
    try:
        declared = json.loads(text)
    except ValueError:
        declared = None
    if not isinstance(declared, dict) or not all(
        isinstance(value, str) for value in declared.values()
    ):
        logger.warning("MLFLOW_RUN_CONTEXT is not a JSON object of texts and is left out.")
        return {}
    return declared
