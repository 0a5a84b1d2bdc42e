"""Addresses of a workspace's wheels, and the copies of these wheels on this machine.

An address is ``amlflow://wheels/<SHA-256>/<name>``, by which a downloaded file is checked.
A copy is in ``<environments>/.wheels/<SHA-256>/<name>``.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

from amlflow.environments import kept
from amlflow.environments.errors import EnvironmentBuildException

SCHEME = "amlflow://"
_ADDRESS = re.compile(r"amlflow://wheels/([0-9a-f]{64})/([^/\s]{1,255}\.whl)")
_COPY = re.compile(r"/\.wheels/([0-9a-f]{64})/([^/\s]{1,255}\.whl)$")
_FILE_NAME = re.compile(r"[\w.+!-]{1,255}", re.ASCII)
_CHUNK = 1 << 20


def digest_of(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def check_wheel_name(name: str) -> None:
    """Raise EnvironmentBuildException if a file's name is not the name of a wheel."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # few scripts need it

    try:
        if not _FILE_NAME.fullmatch(name):  # parse_wheel_filename() does not check the tags
            raise InvalidWheelFilename(name)
        parse_wheel_filename(name)
    except InvalidWheelFilename as error:
        raise EnvironmentBuildException(
            f"{name!r} is not the name of a wheel, such as 'package-1.0-py3-none-any.whl'."
        ) from error


def to_address(digest: str, name: str) -> str:
    """Make the address of a wheel with this digest and name."""
    return f"{SCHEME}wheels/{digest}/{quote(name)}"


def parse_address(line: str) -> tuple[str, str] | None:
    """Return the digest and name of a workspace's wheel in a line for pip; None for other lines.

    Raises:
        EnvironmentBuildException: the line has an ``amlflow:`` address that is not valid.
    """
    if SCHEME not in line:
        return None
    match = _ADDRESS.fullmatch(line.strip().rpartition(" @ ")[2].strip())
    if match is None:
        raise EnvironmentBuildException(
            f"{line!r} is not the address of a wheel. Use the result of "
            "Environment.add_private_pip_wheel()."
        )
    name = unquote(match[2])
    check_wheel_name(name)
    return match[1], name


def address_of_copy(address: str) -> str | None:
    """Return the address of the wheel for a ``file:`` address of its copy; None for other files."""
    match = _COPY.search(address)
    return f"{SCHEME}wheels/{match[1]}/{match[2]}" if match else None


def digest_of_copy(path: str) -> str | None:
    """Return the SHA-256 of the wheel that was copied to a path; None for other paths."""
    match = _COPY.search(path)
    return match[1] if match else None


def ensure_copy(digest: str, name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the copy of a wheel on this machine. If there is none, ``fetch`` writes it.

    Raises:
        EnvironmentBuildException: the fetched file has another digest, or cannot be written.
    """
    folder = kept.make_folder() / ".wheels" / digest
    path = folder / name
    try:
        if path.is_file() and digest_of(path) == digest:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as staging:
            staged = Path(staging, name)
            fetch(staged)
            if digest_of(staged) != digest:
                raise EnvironmentBuildException(
                    f"The wheel {name!r} of the workspace was changed: its content does not have "
                    "the digest in its address. Call Environment.add_private_pip_wheel() again."
                )
            os.replace(staged, path)
    except OSError as error:
        raise EnvironmentBuildException(
            f"The wheel {name!r} could not be copied to {str(folder)!r}: {error.strerror or error}."
        ) from error
    return path
