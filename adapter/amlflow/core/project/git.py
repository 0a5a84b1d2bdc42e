"""Reads the state of a script's git work tree, which v1 stores in a run's properties."""

from __future__ import annotations

import os
import re
from pathlib import Path


def git_properties() -> dict[str, str]:
    """Return v1's ``azureml.git.*`` and ``mlflow.source.git.*`` properties; none outside of git.

    Credentials in the repository's address are left out.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was deleted while the script ran
        return {}
    if not _is_work_tree(folder):
        return {}
    commit, _, branch = _git(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").partition("\n")
    if not commit:
        return {}
    address = re.sub(r"(?<=://)[^/@]*@", "", _git(folder, "config", "--get", "remote.origin.url"))
    dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    properties = {
        "azureml.git.repository_uri": address,
        "mlflow.source.git.repoURL": address,
        "azureml.git.branch": branch,
        "mlflow.source.git.branch": branch,
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": str(dirty),
    }
    return {key: value for key, value in properties.items() if value}


def _is_work_tree(folder: str) -> bool:
    """Whether git may find a work tree. This look is faster than starting git."""
    folders = (folder, *map(str, Path(folder).parents))
    return "GIT_DIR" in os.environ or any(os.path.exists(f"{path}/.git") for path in folders)


def _git(folder: str, *arguments: str) -> str:
    import subprocess  # slow to import: as long as all of this package

    try:
        result = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # git is not installed, or the disk is slow
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
