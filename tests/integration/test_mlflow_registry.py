"""MLflow's registry of models in a database, as amlflow opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import amlflow_mlflow_private as private
import pytest
from amlflow_mlflow.mlflow_registry import MlflowRegistry


class Opened:
    """What MLflow opens: here it has no models."""

    def create_registered_model(self, name: str) -> None:
        return None


def test_no_call_waits_for_a_place_while_it_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database takes some calls at once: all of them would wait for each other for ever."""
    is_inside = False

    def patiently(call: Callable[[], Any], missing: object = None) -> Any:
        nonlocal is_inside
        assert not is_inside, "a call is made inside of another one"
        is_inside = True
        try:
            return call()
        finally:
            is_inside = False

    monkeypatch.setattr(private, "get_registry_store", lambda uri: Opened())
    assert MlflowRegistry("postgresql://example", patiently).ensure_model("m") == {}
