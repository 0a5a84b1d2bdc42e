"""The folder in which a process looks for its project."""

from __future__ import annotations

from pathlib import Path

from amlflow.exceptions import UserErrorException


def find_working_folder() -> Path | None:
    """Return the working folder. None if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def working_folder() -> Path:
    """Return the working folder. Raises :class:`UserErrorException` if it was deleted."""
    folder = find_working_folder()
    if folder is None:
        raise UserErrorException("The working folder was deleted. Change to a folder that exists.")
    return folder
