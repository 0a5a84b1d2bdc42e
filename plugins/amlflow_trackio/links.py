"""Addresses in trackio's page, which ``trackio show`` opens on this machine."""

from __future__ import annotations

from urllib.parse import urlencode

PAGE = "http://127.0.0.1:7860/"


def experiment_link(project: str) -> str:
    return f"{PAGE}?{urlencode({'project': project})}"


def run_link(project: str, run_id: str) -> str:
    return f"{PAGE}?{urlencode({'project': project, 'run_ids': run_id})}"
