"""A run's config in trackio: the entries of amlflow, and those of trackio's own client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from amlflow.spec import RunRecord
from amlflow.tracker_data import parse, to_metrics_object

WRITTEN = frozenset({"_Username", "_Created", "_Group", "status", "type", "description", "parent"})
"""The keys of a config that amlflow writes itself, beside tags and properties."""


def merge_config(run: RunRecord, config: str | bytes | None) -> dict[str, Any]:
    """Return a run's config with amlflow's entries. ``config`` is the present one, or None."""
    return {**_read_client_entries(run.id, config), **_own(run)}


def to_params(run_id: str, config: str | bytes) -> dict[str, str]:
    """Return the parameters that trackio's own client has put into a run's config.

    A value that is not a text is turned into JSON. Keys that begin with ``_`` are left out, as they
    are trackio's own.
    """
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in sorted(_read_client_entries(run_id, config).items())
        if not key.startswith("_")
    }


def _read_client_entries(run_id: str, config: str | bytes | None) -> Mapping[str, Any]:
    if config is None:
        return {}
    content = parse(run_id, "trackio's config", decode_json(config), to_metrics_object)
    return {key: value for key, value in (content or {}).items() if not _is_own(key)}


def _is_own(key: str) -> bool:
    return key in WRITTEN or key.startswith(("tag.", "property."))


def decode_json(content: object) -> object:
    """Turn JSON into text, as trackio stores bytes."""
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else content


def _own(run: RunRecord) -> dict[str, Any]:
    config: dict[str, Any] = {
        "_Username": run.user,
        "_Created": run.created.isoformat(),
        "_Group": None,
        "status": run.status,
        "type": run.type,
        "description": run.description,
        "parent": run.parent_id,
    }
    config = {key: value for key, value in config.items() if value is not None or key[0] == "_"}
    # Flat keys, since trackio's page can only group runs by these.
    config.update({f"tag.{key}": value or "" for key, value in run.tags.items()})
    config.update({f"property.{key}": value for key, value in run.properties.items()})
    return config
