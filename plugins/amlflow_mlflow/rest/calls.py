"""Calls of MLflow's REST API. If an answer does not have the call's form, it is an outage."""

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
    """Calls on a connection. ``missing`` is the error to raise if MLflow finds nothing."""

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
        """Return what an answer has under a key, and learn its headers: no proxy invents that."""
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
        """Return the list that an answer has under a key. MLflow leaves out an empty list."""
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
        """Make a change whose answer is ``{}``. Returns whether the answer is surely MLflow's."""
        answer, headers = self._call(method, path, content, missing)
        if answer:
            raise self.foreign(path)
        return self.connection.is_mlflows(headers)

    def ask(
        self, path: str, content: Mapping[str, Any], missing: AzureMLException | None = None
    ) -> None:
        """Make a POST call that changes nothing. Raises an error if the server refuses it."""
        self._call("POST", path, content, missing)

    def parse(self, path: str, take: Callable[[Any], Entity], message: Any) -> Entity:
        """Parse a message. Raises :class:`amlflow.spec.Unavailable` if its form is wrong."""
        try:
            return take(message)
        except MALFORMED:
            raise self.foreign(path) from None

    def foreign(self, path: str) -> AzureMLException:
        """Make the error for an answer that does not have this call's form."""
        return foreign(self.connection.where, f"it is not what {API}/{path} answers")

    def about_another(self, path: str) -> AzureMLException:
        """Make the error for an answer of the right form that is about something else."""
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
