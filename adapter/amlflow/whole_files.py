"""Writes a file whole or not at all: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from amlflow.systems import BINARY

OWN = 0o600
"""The mode of a file that only its owner may read."""


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a text in UTF-8. The folder must exist. The umask applies to the mode.

    Raises:
        OSError: the file cannot be written. An old file is not changed.
    """
    with _stage(path, mode) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, as :func:`write_text` does."""
    write_text(path, json.dumps(content, indent=4, ensure_ascii=False) + "\n")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content. The target's folder must exist.

    Raises:
        OSError: a file cannot be read or written. An old target is not changed.
    """
    with source.open("rb") as original, _stage(target, 0o666) as file:
        shutil.copyfileobj(original, file)


@contextlib.contextmanager
def _stage(path: Path, mode: int) -> Iterator[BinaryIO]:
    """Open a temporary file beside the path. It replaces the path, or is removed after an error."""
    # The temporary name is short, because the path's own may be as long as the system allows.
    staging = path.with_name(f".amlflow-{uuid.uuid4().hex}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY
        with os.fdopen(os.open(staging, flags, mode), "wb") as file:
            yield file
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
