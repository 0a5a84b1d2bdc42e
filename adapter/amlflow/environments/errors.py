"""The exceptions of making an environment."""

from __future__ import annotations

from amlflow.exceptions import AzureMLException, UserErrorException


class EnvironmentBuildException(UserErrorException):
    """An environment cannot be made. The message says why and what to do about it."""

    _error_codes = ("UserError", "ImageBuildFailure")


class EnvironmentBuildCanceled(AzureMLException):
    """The build was canceled."""
