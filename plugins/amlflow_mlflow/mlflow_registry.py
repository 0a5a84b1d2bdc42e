"""MLflow's registry of models in a database, as an :class:`amlflow_mlflow.store.Registry`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import amlflow_mlflow_private as private
from amlflow.exceptions import AzureMLException
from amlflow.spec import ModelNotFound, RunNotFound, redacted
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException

from amlflow_mlflow.entities import ModelVersion, Page
from amlflow_mlflow.opening import note_engine
from amlflow_mlflow.typed_columns import type_texts, type_version

RACES = 20
"""How often to create a version again after other processes have taken its number."""
_TAKEN = "RESOURCE_ALREADY_EXISTS"


class MlflowRegistry:
    """The models at a URI. ``patiently`` repeats a call while another program holds a lock."""

    def __init__(self, uri: str, patiently: Callable[..., Any]) -> None:
        self._uri, self._patiently = uri, patiently
        self._opened: Any = None

    @property
    def _inner(self) -> Any:
        """MLflow's store of models. The first call opens it."""
        if self._opened is None:
            open_it = functools.partial(private.get_registry_store, self._uri)
            self._opened = self._patiently(open_it)
            note_engine(self._opened)
        return self._opened

    def _call(self, name: str, model: str, version: int, *args: Any) -> Any:
        missing = ModelNotFound(f"name {model}, version {version}")
        call = functools.partial(getattr(self._inner, name), model, str(version), *args)
        return self._patiently(call, missing)

    def ensure_model(self, name: str) -> Mapping[str, str]:
        # Opened here: inside of the call below, all places for calls may be taken by threads that
        # wait for one more to open it.
        registry = self._inner

        def create() -> Mapping[str, str]:
            try:
                registry.create_registered_model(name)
            except MlflowException as error:  # `_patiently` translates all others
                if error.error_code != _TAKEN:
                    raise
                return type_texts(name, registry.get_registered_model(name).tags or {})
            return {}

        tags: Mapping[str, str] = self._patiently(create)
        return tags

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str | None
    ) -> ModelVersion:
        entities = [ModelVersionTag(*tag) for tag in tags.items()]
        create = functools.partial(
            self._inner.create_model_version,
            name, source, run_id, tags=entities, description=description,
        )  # fmt: skip
        missing: AzureMLException = RunNotFound(run_id, redacted(self._uri))
        version = self._patiently(functools.partial(_create_in_race, create), missing)
        return _require(version, name)

    def get_version(self, name: str, version: int) -> ModelVersion:
        return _require(self._call("get_model_version", name, version), name)

    def search_versions(
        self, condition: str, size: int, order: Sequence[str], token: str | None
    ) -> Page[ModelVersion]:
        search = functools.partial(
            self._inner.search_model_versions,
            condition, max_results=size, order_by=list(order), page_token=token,
        )  # fmt: skip
        page = self._patiently(search)
        versions = map(type_version, page)
        return Page((version for version in versions if version is not None), page.token)

    def describe_version(self, name: str, version: int, description: str) -> None:
        self._call("update_model_version", name, version, description)

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        self._call("set_model_version_tag", name, version, ModelVersionTag(key, value))

    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        self._call("delete_model_version_tag", name, version, key)

    def delete_version(self, name: str, version: int) -> None:
        self._call("delete_model_version", name, version)

    def version_location(self, name: str, version: int) -> str:
        return str(self._call("get_model_version_download_uri", name, version))


def _require(version: Any, name: str) -> ModelVersion:
    record = type_version(version)
    if record is None:
        raise ModelNotFound(f"name {name}, version {version.version!r}")
    return record


def _create_in_race(create: Callable[[], Any]) -> Any:
    """Create a version. MLflow itself only tries a few times to find a free number."""
    for attempt in range(RACES):
        try:
            return create()
        except MlflowException as error:  # the caller translates the last one
            if attempt == RACES - 1 or "Giving up after" not in error.message:
                raise
    raise AssertionError("the last attempt returns or raises")
