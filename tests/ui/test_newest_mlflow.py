"""The studio in the page of the newest MLflow that the package index has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from amlflow_page.graft_places import missing_places
from helpers import servers, tools
from helpers.browser import Page
from helpers.studio import Server
from selenium import webdriver


@pytest.fixture
def newest(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server of the newest MLflow, and the folder of its page.

    Only MLflow's own package is another than the one that is installed.
    """
    uv = tools.find("uv") or tools.lack("uv (pip install uv)")
    packages = tmp_path / "packages"
    subprocess.run(
        [uv, "pip", "install", "-q", "--no-deps", "--upgrade", "--target", str(packages), "mlflow"],
        check=True,
    )
    uri, process = servers.start_mlflow(
        f"sqlite:///{tmp_path}/mlflow.db", tmp_path, workers=1, options=("--app-name", "amlflow"),
        PYTHONPATH=str(packages),
    )  # fmt: skip
    yield Server(uri), packages / "mlflow" / "server" / "js" / "build"
    servers.end_group(process)


def test_its_page_has_the_studios_parts(
    chrome: webdriver.Chrome, newest: tuple[Server, Path], tmp_path: Path
) -> None:
    server, build = newest
    assert missing_places(build) == []
    assert "has no place" not in (tmp_path / "server.log").read_text()
    client = mlflow.MlflowClient(server.uri)
    run = client.create_run("0", run_name="oak").info.run_id
    client.log_param(run, "property.author", "mara")
    page = Page(chrome, server)
    page.open(f"#/experiments/0/runs/{run}?workflowType=machine_learning", None)
    page.see(".amlflow-run-actions .amlflow-chip", "Running")
    page.see(".amlflow-status-cell .amlflow-chip", "Running")
    page.see(".amlflow-lock")
    page.click(".amlflow-tab", "Logs")
    page.see(".amlflow-logs")
    page.click("aside nav a", "All runs")
    page.until(lambda: page.run_names() == ["oak"], "the run")
    page.click(".amlflow-table tbody a", "oak")
    page.click(".amlflow-run-actions button", "Cancel run")
    page.click("dialog .danger", "Cancel run")
    page.see(".amlflow-run .amlflow-chip", "Canceled")
