"""The folder in which a process looks for its project."""

from __future__ import annotations

from pathlib import Path

from amlflow.exceptions import UserErrorException


def working_folder() -> Path:
    """Return the working folder. Raises :class:`UserErrorException` if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UserErrorException(
            "The working folder was deleted. Change to a folder that exists."
        ) from None
