"""Calls of MLflow's REST API. An answer that has not the form of the call's answer is an outage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from amlflow.exceptions import AzureMLException

from amlflow_mlflow.answers import foreign
from amlflow_mlflow.entities import Page
from amlflow_mlflow.errors import translate_errors
from amlflow_mlflow.rest.connection import Connection
from amlflow_mlflow.rest.messages import MALFORMED

Entity = TypeVar("Entity")

API = "/api/2.0/mlflow"
_TOKEN = "next_page_token"  # noqa: S105


class Calls:
    """Makes calls on a connection. ``missing`` is raised where MLflow finds nothing."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def read(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any],
        key: str,
        take: Callable[[Any], Entity],
        missing: AzureMLException | None = None,
    ) -> Entity:
        """What an answer has under a key. No proxy makes that up, so its headers are learned."""
        answer, headers = self._call(method, path, content, missing)
        if key not in answer:
            raise self.foreign(path)
        entity = self.parse(path, take, answer[key])
        self.connection.signs.learn(headers)
        return entity

    def read_page(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any],
        key: str,
        take: Callable[[Any], Entity],
        missing: AzureMLException | None = None,
    ) -> Page[Entity]:
        """A list that an answer has under a key; MLflow leaves an empty one out."""
        answer, headers = self._call(method, path, content, missing)
        messages, token = answer.get(key, []), answer.get(_TOKEN)
        if answer and not answer.keys() & {key, _TOKEN}:
            raise self.foreign(path)
        if not isinstance(messages, list) or not isinstance(token, (str, type(None))):
            raise self.foreign(path)
        if not answer:
            self.connection.check_empty(headers)
        return Page((self.parse(path, take, message) for message in messages), token or None)

    def change(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any],
        missing: AzureMLException | None = None,
    ) -> bool:
        """Make a change that is answered by ``{}``; whether that is surely MLflow's answer."""
        answer, headers = self._call(method, path, content, missing)
        if answer:
            raise self.foreign(path)
        return self.connection.is_mlflows(headers)

    def ask(
        self, path: str, content: Mapping[str, Any], missing: AzureMLException | None = None
    ) -> None:
        """Make a POST call that changes nothing. Raises unless the server answers it."""
        self._call("POST", path, content, missing)

    def parse(self, path: str, take: Callable[[Any], Entity], message: Any) -> Entity:
        """A message as an entity. Raises :class:`amlflow.spec.Unavailable`."""
        try:
            return take(message)
        except MALFORMED:
            raise self.foreign(path) from None

    def foreign(self, path: str) -> AzureMLException:
        """The error of an answer that is not this call's."""
        return foreign(self.connection.where, f"it is not what {API}/{path} answers")

    def about_another(self, path: str) -> AzureMLException:
        """The error of an answer that has the form, and is of something else."""
        return foreign(self.connection.where, f"its answer to {API}/{path} is about something else")

    def _call(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any],
        missing: AzureMLException | None,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        with translate_errors(self.connection.uri, missing):
            answer, response = self.connection.call(method, f"{API}/{path}", content)
        return answer, response.headers
