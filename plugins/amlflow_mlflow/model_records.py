"""Turns MLflow's versions of models into records of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.spec import ModelRecord

from amlflow_mlflow.changes import to_params
from amlflow_mlflow.records import USER, from_ms
from amlflow_mlflow.spelling import (
    OWN,
    PROPERTY,
    RESERVED,
    TAG_LIMIT,
    check_text,
    from_key,
    from_tag_value,
    to_key,
)

PROPERTY_TAG = OWN + PROPERTY
"""The prefix of tags that are copies of properties. No tag of a user has it."""
UPLOADED = "mlflow.amlflow.uploaded"
"""The tag of a version whose run only exists to keep its files."""
PROMPT = "mlflow.prompt.is_prompt"
"""The tag of a prompt. MLflow keeps prompts among the models."""


def to_model(version: Any, tags: Mapping[str, str] | None = None) -> ModelRecord:
    """Return the record of an ``mlflow.entities.model_registry.ModelVersion``.

    ``tags`` replace its own tags: the answer to a registration may lack some.
    """
    tags = version.tags if tags is None else tags
    return ModelRecord(
        name=version.name,
        version=int(version.version),
        run_id=None if UPLOADED in tags else version.run_id or None,
        created=from_ms(version.creation_timestamp or 0),
        user=tags.get(USER) or version.user_id or None,
        description=version.description or None,
        tags={
            from_key(key): from_tag_value(value)
            for key, value in sorted(tags.items())
            if not key.startswith(RESERVED)
        },
        properties={
            from_key(key[len(PROPERTY_TAG) :]): value
            for key, value in sorted(tags.items())
            if key.startswith(PROPERTY_TAG)
        },
        system={
            key[len(OWN) :]: value
            for key, value in sorted(tags.items())
            if key.startswith(OWN) and not key.startswith(PROPERTY_TAG)
        },
    )


def property_tags(properties: Mapping[str, str]) -> dict[str, str]:
    """Turn properties into tags. Raises :class:`Refused` if a run could not keep one as a param."""
    to_params(properties)
    return {to_key(key, PROPERTY_TAG): value for key, value in properties.items()}


def note_tags(system: Mapping[str, str]) -> dict[str, str]:
    """Turn amlflow's notes into tags, such as ``amlflow.framework``. MLflow's page shows them."""
    return {OWN + key: check_text(key, value, TAG_LIMIT) for key, value in system.items()}
