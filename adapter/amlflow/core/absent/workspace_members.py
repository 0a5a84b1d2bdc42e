"""What a workspace in Azure has and one on a tracker has not, each with what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from amlflow.core.absent.members import AbsentMember
from amlflow.exceptions import UserErrorException


def refuse(what: str, instead: str) -> NoReturn:
    """Raise the error that says so."""
    raise UserErrorException(f"{what}: only a workspace in Azure has this. {instead}")


def _refuse_property(what: str, instead: str) -> NoReturn:
    raise AbsentMember(f"{what}: only a workspace in Azure has this. {instead}")


class NoneHere(dict[str, Any]):
    """The empty dict of things that a workspace here cannot have; asking for one says why."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__()
        self._what, self._instead = what, instead

    def __missing__(self, key: str) -> NoReturn:
        refuse(f"{self._what} {key!r}", self._instead)


_ENDPOINTS = "A tracking server is protected by its own network, outside of amlflow."
_CONNECTIONS = "Keep addresses and credentials of other services in environment variables."
_SERVING = "Serve a model with `mlflow models serve`."


class AzureOnly:
    """Members of v1's Workspace that are refused, with v1's signatures."""

    @property
    def images(self) -> dict[str, Any]:
        return NoneHere("The image", "Build container images with docker.")

    @property
    def webservices(self) -> dict[str, Any]:
        return NoneHere("The web service", _SERVING)

    @property
    def linked_services(self) -> dict[str, Any]:
        return NoneHere("The linked service", _CONNECTIONS)

    @property
    def private_endpoints(self) -> dict[str, Any]:
        return NoneHere("The private endpoint", _ENDPOINTS)

    @property
    def service_context(self) -> Any:
        _refuse_property(
            "workspace.service_context", "workspace.get_mlflow_tracking_uri() says where runs are."
        )

    def add_private_endpoint(
        self,
        private_endpoint_config: Any,
        private_endpoint_auto_approval: bool = True,
        location: str | None = None,
        show_output: bool = True,
        tags: dict[str, str] | None = None,
    ) -> Any:
        refuse("add_private_endpoint", _ENDPOINTS)

    def delete_private_endpoint_connection(self, private_endpoint_connection_name: str) -> None:
        refuse("delete_private_endpoint_connection", _ENDPOINTS)

    def get_connection(self, name: str) -> Any:
        refuse("get_connection", _CONNECTIONS)

    def set_connection(
        self, name: str, category: str, target: str, authType: str, value: str
    ) -> Any:
        refuse("set_connection", _CONNECTIONS)

    def delete_connection(self, name: str) -> None:
        refuse("delete_connection", _CONNECTIONS)

    def list_connections(self, category: str | None = None, target: str | None = None) -> Any:
        refuse("list_connections", _CONNECTIONS)

    def get_default_keyvault(self) -> Any:
        refuse("get_default_keyvault", "Read secrets from environment variables.")

    def list_keys(self) -> Any:
        refuse("list_keys", "A tracking server has its own accounts: see MLFLOW_TRACKING_USERNAME.")

    def sync_keys(self, no_wait: bool = False) -> None:
        refuse("sync_keys", "A tracking server has its own accounts: see MLFLOW_TRACKING_USERNAME.")

    def diagnose_workspace(self, diagnose_parameters: Any) -> Any:
        refuse("diagnose_workspace", "`mlflow doctor` describes an MLflow installation.")

    def update_dependencies(self, container_registry: Any = None, force: bool = False) -> Any:
        refuse("update_dependencies", "A workspace here has no container registry.")

    @staticmethod
    def setup() -> Any:
        refuse("Workspace.setup", "Set MLFLOW_TRACKING_URI, or call Workspace.create().")
