"""Who may do what: everybody everything, or as MLflow's users and permissions say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from amlflow.exceptions import UserErrorException


class Forbidden(UserErrorException):
    """The user lacks a permission of MLflow's."""

    status_code = 403


class Access(Protocol):
    """What the user of the request at hand may do."""

    def user(self) -> str | None:
        """The user's name; None on a server without users."""

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        """Those of the experiments whose runs the user may read."""

    def may_read(self, run_id: str) -> bool:
        """Whether the user may read a run."""

    def may_change(self, run_id: str) -> bool:
        """Whether the user may change a run, and so cancel it."""

    def may_change_in(self, experiment_id: str) -> bool:
        """Whether the user may change what is in an experiment."""

    def allow(self, path: str, methods: Iterable[str]) -> None:
        """Let requests to a route through that decides by itself."""


class Everybody:
    """A server without users."""

    def user(self) -> str | None:
        return None

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return set(experiment_ids)

    def may_read(self, run_id: str) -> bool:
        return True

    def may_change(self, run_id: str) -> bool:
        return True

    def may_change_in(self, experiment_id: str) -> bool:
        return True

    def allow(self, path: str, methods: Iterable[str]) -> None:
        pass


class Users:
    """MLflow's basic-auth app, or what its ``authorization_function`` puts in its place.

    MLflow has authenticated every request before it gets here.
    """

    def __init__(self) -> None:
        # Importing it makes the users' database, and both import MLflow's server, which takes
        # seconds. What needs no server, such as the rows of All runs, imports this module too.
        from mlflow.server import auth

        from amlflow_page import private

        self._auth: Any = auth
        self._private = private

    def user(self) -> str | None:
        return str(self._auth.authenticate_request().username)

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return set(self._auth.filter_experiment_ids(list(experiment_ids)))

    def may_read(self, run_id: str) -> bool:
        return self._is_admin() or self._private.may_use_run(self._auth, run_id, "read")

    def may_change(self, run_id: str) -> bool:
        return self._is_admin() or self._private.may_use_run(self._auth, run_id, "update")

    def may_change_in(self, experiment_id: str) -> bool:
        if self._is_admin():
            return True
        user = str(self.user())
        return self._private.may_change_experiment(self._auth, experiment_id, user)

    def _is_admin(self) -> bool:
        return bool(self._auth.sender_is_admin())

    def allow(self, path: str, methods: Iterable[str]) -> None:
        # With MLFLOW_BASIC_AUTH_FAIL_CLOSED, MLflow refuses routes that have no validator.
        for method in methods:
            self._auth.BEFORE_REQUEST_VALIDATORS[path, method] = _permit


def _permit() -> bool:
    return True
