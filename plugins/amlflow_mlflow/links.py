"""The addresses of MLflow's page."""

from __future__ import annotations

from amlflow.spec import RunRecord, redacted

UI = "http://127.0.0.1:5000"
"""Where `mlflow ui` serves the page of an embedded database."""


def experiment_link(uri: str, experiment_id: str) -> str:
    server = redacted(uri).rstrip("/") if uri.startswith("http") else UI
    return f"{server}/#/experiments/{experiment_id}"


def run_link(uri: str, run: RunRecord) -> str:
    return f"{experiment_link(uri, run.experiment_id)}/runs/{run.id}"
