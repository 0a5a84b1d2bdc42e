"""Starts MLflow servers of versions that teams use. uv makes an environment for each."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from helpers import servers, tools

VERSIONS = ("2.9.2", "2.22.5", "3.1.4", "3.9.0")
PACKAGES = (
    "Flask<4", "Flask-CORS<7", "Jinja2<4", "SQLAlchemy<2.1", "alembic<2", "cryptography",
    "graphene<4", "gunicorn<24", "httptools", "huey", "numpy", "pandas", "querystring-parser<2",
    "setuptools<80", "uvloop",
)  # fmt: skip
"""The packages that a server needs. MLflow requires more packages, for training models."""


def make_environment(folder: Path) -> Path:
    """Make an environment, and return its folder of packages."""
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    subprocess.run([uv, "venv", "-q", "-p", "3.11", str(folder / "venv")], check=True)
    return folder / "venv" / "lib" / "python3.11" / "site-packages"


def install(folder: Path, *arguments: str) -> None:
    """Install packages into the folder's environment."""
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *arguments], check=True)


def make_packages(folder: Path) -> tuple[str, None]:
    """Return the folder with packages that all servers share, so that they are compiled once."""
    packages = make_environment(folder)
    install(folder, *PACKAGES)
    return str(packages), None


def start(version: str, folder: Path, packages: str) -> Any:
    """Start a server of a version on sqlite with the shared packages. Returns URI and process."""
    own = make_environment(folder)
    (own / "shared.pth").write_text(f"{packages}\n")
    parts = ["mlflow-skinny", "mlflow-tracing"][: 2 if version.startswith("3.") else 1]
    install(folder, "--no-deps", f"mlflow=={version}")
    install(folder, *(f"{part}=={version}" for part in parts))
    python = str(folder / "venv" / "bin" / "python")
    database = folder / "mlflow.db"
    # SQLite keeps this mode in the file. It halves the time that the server waits for the disk.
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    options = servers.NO_ACCESS_LOG if version == "3.9.0" else ()  # before, gunicorn writes none
    uri = f"sqlite:///{database}"
    # One request uses up to three connections. With fewer, 16 requests at once wait for each other.
    environment = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "50"}
    return servers.start_mlflow(
        uri, folder, workers=1, options=options, python=python, **environment
    )
