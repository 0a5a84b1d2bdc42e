"""Registered models in MLflow's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.spec import ModelRecord
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from amlflow_mlflow.records import from_ms
from amlflow_mlflow.rest_client import Registry
from amlflow_mlflow.spelling import PROPERTY, to_key, to_path
from amlflow_mlflow.store import Store


def register(
    store: Store,
    run_id: str,
    path: str,
    name: str,
    description: str | None,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
) -> ModelRecord:
    """See :meth:`amlflow.spec.Tracker.register_model`."""
    source = f"{store.get_run(run_id).info.artifact_uri}/{to_path(path)}"
    registry: Any = (
        MlflowClient(store.uri, store.uri)
        if store.server is None
        else Registry(store.server.client)
    )
    try:
        registry.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    texts: Any = {
        **{to_key(key): value for key, value in tags.items()},
        **{to_key(key, PROPERTY): value for key, value in properties.items()},
    }
    if store.server is not None:  # MLflow's store takes objects, its client makes them
        texts = [ModelVersionTag(key, value) for key, value in texts.items()]
    version = registry.create_model_version(
        name, source, run_id, tags=texts, description=description
    )
    return ModelRecord(
        name=name,
        version=int(version.version),
        run_id=run_id,
        created=from_ms(version.creation_timestamp),
        description=description,
        tags=dict(tags),
        properties=dict(properties),
    )
