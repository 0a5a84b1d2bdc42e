"""The errors of the command line, and the exit codes of all errors."""

from __future__ import annotations

from typing import Any

from amlflow.exceptions import (
    AzureMLException,
    ExperimentNotFoundException,
    ModelNotFoundException,
    ModelPathNotFoundException,
    UserErrorException,
    WrongUsage,
)
from amlflow.spec import (
    ExperimentNotFound,
    FileNotInModel,
    FileNotInRun,
    ModelNotFound,
    RunNotFound,
)


class Unparsed(WrongUsage):
    """The words or flags of the command line are wrong. ``command`` is the one whose help fits."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.command = command


class Missing(UserErrorException):
    """The command names something that does not exist (exit code 3)."""


class Unsuccessful(UserErrorException):
    """The command has a result, but a part of its work failed (exit code 1).

    For example, the run that it waited for has failed. ``result`` is printed, too.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


# v1's classes that are KeyErrors say that a name, such as a compute target's, does not exist.
MISSES = (
    Missing, RunNotFound, ExperimentNotFound, ModelNotFound, FileNotInRun, FileNotInModel,
    ExperimentNotFoundException, ModelNotFoundException, ModelPathNotFoundException,
    FileNotFoundError, KeyError,
)  # fmt: skip


OPTIONS = {
    "create_new_version=True": "--create-new-version",
    "overwrite=True": "--overwrite",
    "set exist_ok to True": "pass --overwrite",
    " If the data does not exist yet, pass validate=False.": "",  # an option does not exist
}
"""How messages name arguments of the SDK, and the options of the command line for them."""


def describe(error: AzureMLException | OSError) -> str:
    """Describe an error in a sentence, without names of classes."""
    if isinstance(error, ModelNotFound):
        return (
            f"The model with {error.description} does not exist in the workspace. "
            "`amlflow model list` lists the models."
        )
    if isinstance(error, AzureMLException):
        message = error.message
        for argument, option in OPTIONS.items():
            message = message.replace(argument, option)
        return message
    if error.strerror is None:
        return str(error) or "The system refused a call without a reason."
    subject = "" if error.filename is None else f"{str(error.filename)!r}: "
    return f"{subject}{error.strerror}."
