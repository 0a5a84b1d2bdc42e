"""The working folder, which another process can have deleted."""

from __future__ import annotations

import os
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


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path as it is, so that messages show it as the user wrote it.

    Raises:
        UserErrorException: the path is relative, and the working folder was deleted.
    """
    if not os.path.isabs(path):
        working_folder()
    return Path(path)


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return a path without ``..`` parts. A relative path is below the working folder.

    Raises:
        UserErrorException: the path is relative, and the working folder was deleted.
    """
    if not os.path.isabs(path):
        path = working_folder() / path
    return Path(os.path.normpath(path))
