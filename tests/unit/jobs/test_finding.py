"""A job's folder belongs to a run of one tracker, whatever URI is used for that tracker."""

from __future__ import annotations

import pytest
from amlflow.jobs.finding import is_same_tracker


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("http://localhost:5000", "http://127.0.0.1:5000/"),
        ("http://localhost:5000", "http://[::1]:5000"),
        ("http://LOCALHOST:5000", "http://127.0.1.1:5000"),
        ("http://me:secret@localhost:5000", "http://127.0.0.1:5000"),
        ("http://tracker", "http://tracker:80/"),
        ("https://tracker/mlflow", "https://Tracker:443/mlflow/"),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
        ("postgresql+psycopg2://me:old@host/base", "postgresql://host:5432/base?password=new"),
    ],
)
def test_one_tracker_has_several_names(uri: str, other: str) -> None:
    assert is_same_tracker(uri, other)
    assert is_same_tracker(other, uri)


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("http://localhost:5000", "http://127.0.0.1:5001"),
        ("http://localhost:5000", "https://localhost:5000"),
        ("http://localhost:5000", "http://localhost.example.com:5000"),
        ("http://127.0.0.1:5000", "http://10.0.0.1:5000"),
        ("http://tracker/a", "http://tracker/b"),
        ("postgresql://host/a", "postgresql://host:5433/a"),
        ("http://tracker:5000", "http://tracker:x"),
        ("sqlite:////a/mlflow.db", "sqlite:////b/mlflow.db"),
    ],
)
def test_others_are_others(uri: str, other: str) -> None:
    assert not is_same_tracker(uri, other)
    assert not is_same_tracker(other, uri)
