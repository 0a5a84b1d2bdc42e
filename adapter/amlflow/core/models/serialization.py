"""Converts a version of a model to JSON with v1's keys, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.core.models import notes
from amlflow.core.models.registration import to_model_properties, to_model_texts
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.exceptions import WebserviceException
from amlflow.spec import ModelRecord
from amlflow.tracker_data import to_time

MIME_TYPE = "application/json"
"""Values that v1 returns for every model."""


def to_payload(model: ModelRecord) -> dict[str, Any]:
    """Make a dict with v1's keys. A value that only the tracker knows is None."""
    resources = notes.read_resources(model)
    has_run = model.run_id is not None
    return {
        "createdTime": model.created.isoformat(),
        "createdBy": None if model.user is None else {"userName": model.user},
        "description": model.description,
        "id": notes.model_id(model),
        "mimeType": MIME_TYPE,
        "name": model.name,
        "framework": notes.read_text(model, notes.FRAMEWORK),
        "frameworkVersion": notes.read_text(model, notes.FRAMEWORK_VERSION),
        "tags": dict(model.tags),
        "properties": dict(model.properties),
        "unpack": False,
        "url": None,
        "version": model.version,
        "experimentName": notes.read_text(model, notes.EXPERIMENT) if has_run else None,
        "runId": (notes.read_text(model, notes.RUN) or model.run_id) if has_run else None,
        "runDetails": None,
        "datasets": notes.read_datasets(model),
        "resourceConfiguration": None if resources is None else resources.serialize(),
        "sampleInputDatasetId": notes.read_text(model, notes.SAMPLE_INPUT),
        "sampleOutputDatasetId": notes.read_text(model, notes.SAMPLE_OUTPUT),
    }


def from_payload(payload: Mapping[str, Any]) -> ModelRecord:
    """Make a record from a payload.

    Raises:
        WebserviceException: the payload is not a result of ``Model.serialize()``.
    """
    try:
        datasets = [(entry["name"], entry["id"]) for entry in payload["datasets"]]
        return ModelRecord(
            name=str(payload["name"]),
            version=int(payload["version"]),
            run_id=payload["runId"],
            created=to_time(payload["createdTime"]),
            user=(payload["createdBy"] or {}).get("userName"),
            description=payload["description"],
            tags=to_model_texts(payload.get("tags"), "Tags"),
            properties=to_model_properties(payload["properties"]),
            system={
                **notes.text_notes(
                    framework=payload["framework"],
                    framework_version=payload["frameworkVersion"],
                    experiment=payload["experimentName"],
                    sample_input=payload.get("sampleInputDatasetId"),
                    sample_output=payload.get("sampleOutputDatasetId"),
                ),
                **notes.resource_notes(
                    ResourceConfiguration.deserialize(payload.get("resourceConfiguration"))
                ),
                **notes.dataset_notes(datasets),
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WebserviceException(
            f"The payload is not a result of Model.serialize(): {error!r}."
        ) from error
