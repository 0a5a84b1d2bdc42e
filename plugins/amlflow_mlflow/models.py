"""Registered models in MLflow's model registry."""

from __future__ import annotations

from collections.abc import Mapping

from amlflow.spec import ModelRecord
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from amlflow_mlflow.names import PROPERTY, to_key, to_path
from amlflow_mlflow.records import from_ms


def register(
    uri: str,
    run_id: str,
    path: str,
    name: str,
    description: str | None,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
) -> ModelRecord:
    """See :meth:`amlflow.spec.Tracker.register_model`."""
    client = MlflowClient(uri, uri)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name,
        source=f"{client.get_run(run_id).info.artifact_uri}/{to_path(path)}",
        run_id=run_id,
        description=description,
        tags={
            **{to_key(key): value for key, value in tags.items()},
            **{to_key(key, PROPERTY): value for key, value in properties.items()},
        },
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
