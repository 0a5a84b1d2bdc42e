"""A whole life on the trackers that teams have: MLflow servers of several versions, each in an
environment of its own, which uv makes; PostgreSQL; and trackio."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import servers, tools

VERSIONS = ("2.9.2", "2.22.5", "3.1.4", "3.9.0")
PACKAGES = (
    "Flask<4", "Flask-CORS<7", "Jinja2<4", "SQLAlchemy<2.1", "alembic<2", "cryptography",
    "graphene<4", "gunicorn<24", "huey", "numpy", "pandas", "querystring-parser<2", "setuptools<80",
)  # fmt: skip
"""What a server needs; the rest of what MLflow's package asks for is for training models."""


def test_a_whole_life_on_the_newest_server_without_mlflow(server_uri: str) -> None:
    servers.live(server_uri, "--without-mlflow")


@pytest.mark.parametrize("tracker", ["postgres_uri", "trackio_uri"])
def test_a_whole_life_on_other_trackers(tracker: str, request: pytest.FixtureRequest) -> None:
    servers.live(request.getfixturevalue(tracker))


@pytest.fixture(params=VERSIONS)
def old_server_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server of an older version, on sqlite."""
    version: str = request.param
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    python = str(tmp_path / "venv" / "bin" / "python")
    own = [f"mlflow-skinny=={version}", f"mlflow-tracing=={version}"]
    packages = [*own[: 2 if version.startswith("3.") else 1], *PACKAGES]
    subprocess.run([uv, "venv", "-q", "-p", "3.11", str(tmp_path / "venv")], check=True)
    install = [uv, "pip", "install", "-q", "--python", python]
    subprocess.run([*install, "--no-deps", f"mlflow=={version}"], check=True)
    subprocess.run([*install, *packages], check=True)
    backend = f"sqlite:///{tmp_path}/mlflow.db"
    uri, process = servers.start_mlflow(backend, tmp_path, workers=1, python=python)
    yield uri
    servers.end_group(process)


@pytest.mark.slow
def test_a_whole_life_on_an_older_server(old_server_uri: str) -> None:
    servers.live(old_server_uri, "--without-mlflow")
