"""Converts a name from a tracker to a path below a folder of this machine, or refuses it.

Everybody who may edit a run can choose the names of its files, so a name can be any text.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import unicodedata
from pathlib import Path

from amlflow.exceptions import UserErrorException
from amlflow.systems import IS_WINDOWS
from amlflow.working_folder import working_folder

MAX_PART_BYTES = 255
"""The longest part of a path that common file systems accept."""
MAX_PATH_BYTES = 4000
"""The longest path, including the folder. Linux accepts 4,095 bytes, and longer names of temporary
files beside the path must fit, too."""
MAX_PARTS = 200
"""The most parts of a path: folders in folders, and the file."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]|[. ]$')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?")


FOLDS_NAMES = IS_WINDOWS or sys.platform == "darwin"
"""Whether names that differ in capital letters, or in how an accent is written, are one file."""


class PathNotFound(UserErrorException, FileNotFoundError):
    """The path in the arguments of a call does not exist."""


class UnsafeName(UserErrorException):
    """A name is not the path of a file below the folder that it is meant for."""


class LocalPaths:
    """The local paths of several names from a tracker, below one folder."""

    def __init__(self, below: Path) -> None:
        self.below = below
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def path_for(self, name: str) -> Path:
        """Return the path for a name, as :func:`local_path_for` does.

        Raises:
            UnsafeName: also if the name of another file, for which a path was returned, has the
                same path on this system, is a folder in this path, or has this path as a folder.
        """
        path = local_path_for(name, self.below)
        parts = name.split("/")
        *folders, file = (_fold("/".join(parts[:end])) for end in range(1, len(parts) + 1))
        reason = None
        if self._files.get(file, name) != name:
            reason = f"{_quote(self._files[file])} is the same file on this system"
        elif file in self._folders:
            reason = f"it is a folder for {_quote(self._folders[file])}"
        for folder in folders:
            if folder in self._files:
                reason = f"it would be below the file {_quote(self._files[folder])}"
        if reason is not None:
            raise _refusal(name, self.below, reason)
        self._files[file] = name
        self._folders.update(dict.fromkeys(folders, name))
        return path


def make_folder(folder: Path) -> None:
    """Make a folder for files that are written there, with the folders above it.

    Raises:
        UserErrorException: it cannot be made, for example because a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserErrorException(
            f"The folder {str(folder)!r} to download to cannot be made: {error.strerror}."
        ) from error


def resolve_links(path: Path) -> Path:
    """Return the path without links. If links form a circle, they stay in the path.

    For such links, ``Path.resolve()`` raises RuntimeError before Python 3.13.

    Raises:
        UserErrorException: the path is relative, and the working folder was deleted.
    """
    return Path(os.path.realpath(path if path.is_absolute() else working_folder() / path))


def local_path_for(name: str, below: Path) -> Path:
    """Return the path of a file below a folder, for a name with ``/`` that comes from a tracker.

    The folder and the file do not need to exist.

    Raises:
        UnsafeName: the name is absolute or empty; has a part that is empty, ``.`` or ``..``; has a
            backslash, a drive letter or a control character; is too long for a file system; or, on
            Windows, is reserved. Or an existing link at the path leads out of the folder. Or
            something else than a file exists there.
    """
    reason = why_unsafe(name)
    if reason is None:
        path = below.joinpath(*name.split("/"))
        reason = _find_path_fault(path, below)
    if reason is not None:
        raise _refusal(name, below, reason)
    return path


def _refusal(name: str, below: Path, reason: str) -> UnsafeName:
    return UnsafeName(
        f"{_quote(name)} is not written below {str(below)!r}: {reason}. Give the file another "
        "path to have it all the same."
    )


def _fold(name: str) -> str:
    """Return the same text for all names that are one file on this system."""
    return unicodedata.normalize("NFC", name).casefold() if FOLDS_NAMES else name


def why_unsafe(name: str) -> str | None:
    """Return why a name cannot be the path of a file below a folder; None if it can."""
    if not isinstance(name, str):
        return "a name is a text"
    parts = name.split("/")
    if name.startswith("/") or _DRIVE.match(name):
        return "it is an absolute path or begins with a drive letter"
    if any(part in ("", ".", "..") for part in parts):
        return "it has a part that is empty, '.' or '..'"
    if "\\" in name:
        return "it has a backslash, which is a '/' on some systems"
    if _UNPRINTABLE.search(name):
        return "it has a control character"
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        return "it is not a text that a file's name can hold"
    if longest > MAX_PART_BYTES or len(parts) > MAX_PARTS:
        return f"a name has at most {MAX_PARTS} parts of {MAX_PART_BYTES} bytes, and it has more"
    if IS_WINDOWS and any(
        _NOT_ON_WINDOWS.search(part) or _DEVICES.fullmatch(part) for part in parts
    ):
        return "Windows reserves it"
    return None


def _find_path_fault(path: Path, below: Path) -> str | None:
    """Return why a file cannot be written to a path; None if it can."""
    top = resolve_links(below)
    if len(os.fsencode(path.absolute())) > MAX_PATH_BYTES:
        return f"its path has more than {MAX_PATH_BYTES} bytes"
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # raises for links in a circle
        target = resolve_links(path)
        if target == top or not target.is_relative_to(top):
            return "a link that is there leads out of the folder"
        for parent in [*path.parents][: len(path.relative_to(below).parts) - 1]:
            if parent.exists() and not parent.is_dir():
                return f"{str(parent)!r} is there and is not a folder"
        if path.exists() and not path.is_file():
            return "something that is not a file is there already"
    except OSError as error:  # links in a circle, or a folder that cannot be read
        return f"its path cannot be looked at ({error.strerror or error})"
    return None


def _quote(name: str) -> str:
    text = repr(name)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(name)} characters)"
