"""The registry of models of an MLflow server, over its REST API."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from amlflow.spec import ModelNotFound, Refused, RunNotFound
from amlflow.tracker_data import to_location

from amlflow_mlflow.answers import foreign, text
from amlflow_mlflow.entities import ModelVersion, Page
from amlflow_mlflow.errors import MlflowError
from amlflow_mlflow.rest import messages
from amlflow_mlflow.rest.calls import Calls
from amlflow_mlflow.rest.old_names import to_server
from amlflow_mlflow.rest.version import Abilities

RACES = 20
"""How often to create a version again after other clients have taken its number."""
_TAKEN = "RESOURCE_ALREADY_EXISTS"


class ServerRegistry:
    """An :class:`amlflow_mlflow.store.Registry` on a server."""

    def __init__(self, calls: Calls, abilities: Abilities) -> None:
        self._calls, self._abilities = calls, abilities
        self._where = calls.connection.where

    def ensure_model(self, name: str) -> Mapping[str, str]:
        create = partial(self._model, "POST", "registered-models/create", name)
        try:
            return create()
        except Refused as error:
            if not (
                isinstance(error.__cause__, MlflowError) and error.__cause__.error_code == _TAKEN
            ):
                raise
        return self._model("GET", "registered-models/get", name)

    def _model(self, method: str, path: str, name: str) -> Mapping[str, str]:
        """Return the tags of a registered model."""
        message = self._calls.read(method, path, {"name": name}, "registered_model", dict)
        if message.get("name") != name:
            raise self._calls.about_another(path)
        return self._calls.parse(path, messages.to_tags, message)

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str | None
    ) -> ModelVersion:
        content: dict[str, Any] = {
            "name": name,
            "source": source,
            "run_id": run_id,
            "tags": [{"key": self._key(key), "value": value} for key, value in tags.items()],
        }
        if description is not None:
            content["description"] = description
        for attempt in range(RACES):
            try:
                return self._version("POST", "create", content, RunNotFound(run_id, self._where))
            except Refused as error:
                # MLflow itself only tries a few times to find a free number.
                if attempt == RACES - 1 or "Giving up after" not in error.message:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def get_version(self, name: str, version: int) -> ModelVersion:
        return self._version("GET", "get", _ids(name, version), _missing(name, version))

    def search_versions(
        self, condition: str, size: int, order: Sequence[str], token: str | None
    ) -> Page[ModelVersion]:
        query = {
            "filter": condition or None,
            "max_results": size,
            "order_by": list(order),
            "page_token": token,
        }
        return self._calls.read_page(
            "GET", "model-versions/search", query, "model_versions", messages.to_version
        )

    def describe_version(self, name: str, version: int, description: str) -> None:
        content = {**_ids(name, version), "description": description}
        self._version("PATCH", "update", content, _missing(name, version))

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        content = {**_ids(name, version), "key": self._key(key), "value": value}
        if not self._change("POST", "set-tag", name, version, content):
            self._check(self.get_version(name, version).tags.get(key) == value, "set-tag")

    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        content = {**_ids(name, version), "key": self._key(key)}
        if not self._change("DELETE", "delete-tag", name, version, content):
            self._check(key not in self.get_version(name, version).tags, "delete-tag")

    def delete_version(self, name: str, version: int) -> None:
        if not self._change("DELETE", "delete", name, version, _ids(name, version)):
            with contextlib.suppress(ModelNotFound):
                self.get_version(name, version)
                self._check(False, "delete")

    def version_location(self, name: str, version: int) -> str:
        return self._calls.read(
            "GET",
            "model-versions/get-download-uri",
            _ids(name, version),
            "artifact_uri",
            lambda location: to_location(text(location)),
            _missing(name, version),
        )

    def _version(
        self, method: str, path: str, content: Mapping[str, Any], missing: Any
    ) -> ModelVersion:
        path = f"model-versions/{path}"
        version = self._calls.read(
            method, path, content, "model_version", messages.to_version, missing
        )
        if version.name != content["name"] or content.get("version") not in (None, version.version):
            raise self._calls.about_another(path)
        return version

    def _change(
        self, method: str, path: str, name: str, version: int, content: Mapping[str, Any]
    ) -> bool:
        return self._calls.change(
            method, f"model-versions/{path}", content, _missing(name, version)
        )

    def _check(self, is_done: bool, path: str) -> None:
        """Raise an error if a change is not done. Needed if its answer did not show that."""
        if not is_done:
            raise foreign(self._where, f"it reports success, and model-versions/{path} is not done")

    def _key(self, key: str) -> str:
        return to_server(key, takes_colons=self._abilities.takes_colons)


def _ids(name: str, version: int) -> dict[str, str]:
    return {"name": name, "version": str(version)}


def _missing(name: str, version: int) -> ModelNotFound:
    return ModelNotFound(f"name {name}, version {version}")
