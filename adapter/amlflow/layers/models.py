"""Refuses models, over a tracker that has no registry: others would not see the version."""

from __future__ import annotations

from collections.abc import Mapping

from amlflow.layers.layer import Layer
from amlflow.spec import ModelRecord, Unsupported, redacted


class Models(Layer):
    """Says why a model is not registered."""

    def register_model(
        self,
        run_id: str,
        path: str,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        raise Unsupported(
            f"Model {name!r} is not registered: the tracker {redacted(self.uri)} has no model "
            "registry. The file stays in the run; register it where your models are kept, "
            "or use a tracker with a registry."
        )
