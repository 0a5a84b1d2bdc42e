"""Who may do what: everybody everything, or as MLflow's users and permissions say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from amlflow.exceptions import UserErrorException


class Forbidden(UserErrorException):
    """The user lacks a permission of MLflow's."""

    status_code = 403


class ExperimentAccess(Protocol):
    """In which experiments somebody may do what."""

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        """Those of the experiments whose runs the user may read."""

    def may_change_in(self, experiment_id: str) -> bool:
        """Whether the user may change what is in an experiment."""


class Access(ExperimentAccess, Protocol):
    """What the user of the request at hand may do."""

    def user(self) -> str | None:
        """The user's name; None on a server without users."""

    def may_read(self, run_id: str) -> bool:
        """Whether the user may read a run."""

    def may_change(self, run_id: str) -> bool:
        """Whether the user may change a run, and so cancel it."""

    def allow(self, path: str, methods: Iterable[str]) -> None:
        """Let requests to a route through that decides by itself."""

    def for_process(
        self, experiment_ids: Callable[[], Iterable[str]], *, changes: bool = False
    ) -> KnownAccess:
        """What another process has to know of it, of some experiments.

        With ``changes``, also in which of them the user may change runs; else every one seems so.
        """


@dataclass(frozen=True, slots=True)
class KnownAccess:
    """What a user may do as it was when a question was put; None is all experiments."""

    read: frozenset[str] | None = None
    change: frozenset[str] | None = None

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return {key for key in experiment_ids if self.read is None or key in self.read}

    def may_change_in(self, experiment_id: str) -> bool:
        return self.change is None or experiment_id in self.change


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

    def for_process(
        self, experiment_ids: Callable[[], Iterable[str]], *, changes: bool = False
    ) -> KnownAccess:
        return KnownAccess()


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

    def for_process(
        self, experiment_ids: Callable[[], Iterable[str]], *, changes: bool = False
    ) -> KnownAccess:
        read = frozenset(self.readable(experiment_ids()))
        return KnownAccess(read, frozenset(filter(self.may_change_in, read)) if changes else None)


def _permit() -> bool:
    return True
