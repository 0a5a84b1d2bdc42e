"""Errors that only the command line has; each leads to an exit code of its own."""

from __future__ import annotations

from amlflow.exceptions import UserErrorException


class WrongUsage(UserErrorException):
    """The command cannot be read (exit code 2)."""


class Unparsed(WrongUsage):
    """The words and flags of a command do not fit it; ``command`` is the one with the help."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.command = command


class Missing(UserErrorException):
    """The experiment, workspace or compute target does not exist (exit code 3)."""
