"""MLflow servers of the versions that teams have, each in an environment of its own by uv."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from helpers import servers, tools

VERSIONS = ("2.9.2", "2.22.5", "3.1.4", "3.9.0")
PACKAGES = (
    "Flask<4", "Flask-CORS<7", "Jinja2<4", "SQLAlchemy<2.1", "alembic<2", "cryptography",
    "graphene<4", "gunicorn<24", "huey", "numpy", "pandas", "querystring-parser<2", "setuptools<80",
)  # fmt: skip
"""What a server needs; the rest of what MLflow's package asks for is for training models."""


def make_environment(version: str, folder: Path) -> str:
    """The interpreter of a new environment that has MLflow's server of a version."""
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    python = str(folder / "venv" / "bin" / "python")
    own = [f"mlflow-skinny=={version}", f"mlflow-tracing=={version}"]
    packages = [*own[: 2 if version.startswith("3.") else 1], *PACKAGES]
    subprocess.run([uv, "venv", "-q", "-p", "3.11", str(folder / "venv")], check=True)
    install = [uv, "pip", "install", "-q", "--python", python]
    subprocess.run([*install, "--no-deps", f"mlflow=={version}"], check=True)
    subprocess.run([*install, *packages], check=True)
    return python


def start(version: str, folder: Path) -> Any:
    """A server of a version on sqlite: (uri, process)."""
    python = make_environment(version, folder)
    return servers.start_mlflow(f"sqlite:///{folder}/mlflow.db", folder, workers=1, python=python)
