"""Shows a list of models in a notebook as a table, and converts it to rows of a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from amlflow.core import html
from amlflow.core.listing import Columns, Listing

AnyModel = TypeVar("AnyModel")


def to_listing(models: Iterable[AnyModel]) -> Listing[AnyModel]:
    """Make a list of models that a notebook shows as a table."""
    return Listing(models, Columns(_to_cells, _to_rows))


def _to_cells(model: Any) -> dict[str, str]:
    return {
        "Name": html.text(model.name),
        "Version": html.text(model.version),
        "Created (UTC)": html.time(model.created_time),
        "Framework": html.text(model.model_framework),
        "Run": html.text(model.run_id),
        "Tags": html.entries(model.tags),
    }


def _to_rows(models: Sequence[Any]) -> list[dict[str, Any]]:
    names = (
        "name", "version", "id", "description", "model_framework", "model_framework_version",
        "run_id", "experiment_name", "tags", "properties",
    )  # fmt: skip
    return [
        {**{name: getattr(model, name) for name in names}, "created_time_utc": model.created_time}
        for model in models
    ]
