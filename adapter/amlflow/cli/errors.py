"""Errors that only the command line has, and which errors lead to which exit code."""

from __future__ import annotations

from typing import Any

from amlflow.exceptions import (
    AzureMLException,
    ExperimentNotFoundException,
    ModelNotFoundException,
    ModelPathNotFoundException,
    UserErrorException,
)
from amlflow.spec import (
    ExperimentNotFound,
    FileNotInModel,
    FileNotInRun,
    ModelNotFound,
    RunNotFound,
)


class WrongUsage(UserErrorException):
    """The command cannot be read (exit code 2)."""


class Unparsed(WrongUsage):
    """The words and flags of a command do not fit it; ``command`` is the one with the help."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.command = command


class Missing(UserErrorException):
    """What the command names does not exist (exit code 3)."""


class Unsuccessful(UserErrorException):
    """The command did its work, and the run that it waited for failed (exit code 1).

    ``result`` is printed all the same.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


# A KeyError of v1's classes is a lookup of a name, such as a compute target's, that found nothing.
MISSES = (
    Missing, RunNotFound, ExperimentNotFound, ModelNotFound, FileNotInRun, FileNotInModel,
    ExperimentNotFoundException, ModelNotFoundException, ModelPathNotFoundException,
    FileNotFoundError, KeyError,
)  # fmt: skip


def describe(error: AzureMLException | OSError) -> str:
    """The error as a sentence, without the names of classes."""
    if isinstance(error, ModelNotFound):
        return (
            f"The model with {error.description} does not exist in the workspace; "
            "`amlflow model list` shows those that do."
        )
    if isinstance(error, AzureMLException):
        return error.message
    if error.strerror is None:
        return str(error) or "The system refused a call, and does not say why."
    subject = "" if error.filename is None else f"{str(error.filename)!r}: "
    return f"{subject}{error.strerror}."
