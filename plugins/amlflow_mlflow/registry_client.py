"""MLflow's client of a server's registry of models."""

from __future__ import annotations

import json
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.model_registry_pb2 import (
    DeleteModelVersion,
    DeleteModelVersionTag,
    SetModelVersionTag,
)
from mlflow.store.model_registry.rest_store import RestStore

from amlflow_mlflow.answers import foreign
from amlflow_mlflow.rest_client import Client, fill


class Registry(RestStore):
    """MLflow's registry of models at a server."""

    def __init__(self, client: Client) -> None:
        super().__init__(client.creds)
        self._client = client

    def _call_endpoint(
        self,
        api: Any,
        json_body: str | None,
        call_all_endpoints: bool = False,
        extra_headers: Any = None,
    ) -> Any:
        self._validate_workspace_support_if_specified()
        path, method = self._get_endpoint_from_method(api)
        result = self._get_response_from_method(api)
        content = json.loads(json_body or "{}")
        if not fill(result, self._client, method, path, content) and not self._is_done(
            api, content
        ):
            raise foreign(self._client.where, f"it says nothing, and {path} is not done")
        return result

    def _is_done(self, api: Any, content: dict[str, Any]) -> bool:
        """Whether a write has been done whose answer does not tell."""
        if api not in (SetModelVersionTag, DeleteModelVersionTag, DeleteModelVersion):
            self._client.probe()  # an empty list
            return True
        try:
            tags = self.get_model_version(content["name"], content["version"]).tags
        except MlflowException as error:
            if api is not DeleteModelVersion or error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return True
        if api is SetModelVersionTag:
            return bool(tags.get(content["key"]) == content["value"])
        return api is DeleteModelVersionTag and content["key"] not in tags
