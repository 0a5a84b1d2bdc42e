"""The exceptions of making an environment."""

from __future__ import annotations

from amlflow.exceptions import AzureMLException, UserErrorException


class EnvironmentBuildException(UserErrorException):
    """An environment cannot be made. The message says why and what to do about it."""

    _error_codes = ("UserError", "ImageBuildFailure")


class MissingPackages(EnvironmentBuildException):
    """pip's index does not have packages of these ``names``, as pip writes them."""

    def __init__(self, message: str, names: frozenset[str]) -> None:
        super().__init__(message)
        self.names = names


class EnvironmentBuildCanceled(AzureMLException):
    """The build was canceled."""
