"""Who may do what. Without users, everybody may do everything; else MLflow's permissions decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from amlflow.exceptions import UserErrorException
from amlflow_mlflow_private import may_change_experiment, may_use_run


class Forbidden(UserErrorException):
    """An error: the user lacks one of MLflow's permissions."""

    status_code = 403


class ExperimentAccess(Protocol):
    """The permissions of a user on experiments."""

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        """Return those of the experiments whose runs the user may read."""

    def may_change_in(self, experiment_id: str) -> bool:
        """Return whether the user may change the runs of an experiment."""


class Access(ExperimentAccess, Protocol):
    """The permissions of the user who sent the current request."""

    def user(self) -> str | None:
        """Return the user's name; None on a server without users."""

    def may_read(self, run_id: str) -> bool:
        """Return whether the user may read a run."""

    def may_change(self, run_id: str) -> bool:
        """Return whether the user may change a run. This includes cancelling it."""

    def allow(self, path: str, methods: Iterable[str]) -> None:
        """Let MLflow pass requests to a route on. The route itself checks the permissions."""

    def for_process(
        self, experiment_ids: Callable[[], Iterable[str]], *, changes: bool = False
    ) -> KnownAccess:
        """Return the user's permissions on some experiments, to be sent to another process.

        Without ``changes``, the result allows changes in every experiment: use it for reading only.
        """


@dataclass(frozen=True, slots=True)
class KnownAccess:
    """The permissions of a user at the time of a question. None means all experiments."""

    read: frozenset[str] | None = None
    change: frozenset[str] | None = None

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return {key for key in experiment_ids if self.read is None or key in self.read}

    def may_change_in(self, experiment_id: str) -> bool:
        return self.change is None or experiment_id in self.change


class Everybody:
    """The permissions on a server without users: everything is allowed."""

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
    """The permissions of MLflow's basic-auth app.

    MLflow has authenticated each request before, by its own ``authorization_function`` or by
    another one that is configured.
    """

    def __init__(self) -> None:
        # It imports MLflow's server, which takes seconds, and creates the users' database.
        # This module is also imported where no server runs, such as for the rows of All runs.
        from mlflow.server import auth

        self._auth: Any = auth

    def user(self) -> str | None:
        return str(self._auth.authenticate_request().username)

    def readable(self, experiment_ids: Iterable[str]) -> set[str]:
        return set(self._auth.filter_experiment_ids(list(experiment_ids)))

    def may_read(self, run_id: str) -> bool:
        return self._is_admin() or may_use_run(self._auth, run_id, "read")

    def may_change(self, run_id: str) -> bool:
        return self._is_admin() or may_use_run(self._auth, run_id, "update")

    def may_change_in(self, experiment_id: str) -> bool:
        if self._is_admin():
            return True
        user = str(self.user())
        return may_change_experiment(self._auth, experiment_id, user)

    def _is_admin(self) -> bool:
        return bool(self._auth.sender_is_admin())

    def allow(self, path: str, methods: Iterable[str]) -> None:
        # With MLFLOW_BASIC_AUTH_FAIL_CLOSED, MLflow refuses requests to routes without a validator.
        for method in methods:
            self._auth.BEFORE_REQUEST_VALIDATORS[path, method] = _permit

    def for_process(
        self, experiment_ids: Callable[[], Iterable[str]], *, changes: bool = False
    ) -> KnownAccess:
        read = frozenset(self.readable(experiment_ids()))
        return KnownAccess(read, frozenset(filter(self.may_change_in, read)) if changes else None)


def _permit() -> bool:
    return True
