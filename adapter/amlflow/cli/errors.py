"""Errors that only the command line has; each leads to an exit code of its own."""

from __future__ import annotations

from amlflow.exceptions import UserErrorException


class WrongUsage(UserErrorException):
    """The command cannot be read (exit code 2)."""


class Missing(UserErrorException):
    """There is no such experiment, workspace or compute target (exit code 3)."""
