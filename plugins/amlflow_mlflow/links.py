"""Addresses in MLflow's page."""

from __future__ import annotations

from urllib.parse import quote

from amlflow.spec import ModelRecord, RunRecord, redacted

UI = "http://127.0.0.1:5000"
"""The address at which `mlflow ui` serves the page of an embedded database."""


def experiment_link(uri: str, experiment_id: str) -> str:
    return f"{_page(uri)}/#/experiments/{experiment_id}"


def run_link(uri: str, run: RunRecord) -> str:
    return f"{experiment_link(uri, run.experiment_id)}/runs/{run.id}"


def model_link(uri: str, model: ModelRecord) -> str:
    return f"{_page(uri)}/#/models/{quote(model.name, safe='')}/versions/{model.version}"


def _page(uri: str) -> str:
    return redacted(uri).rstrip("/") if uri.startswith("http") else UI
