"""Writes a file whole or not at all: a reader finds the old file or the new one, never a part."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

OWN = 0o600
"""The mode of a file that only its owner may read."""


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a text in UTF-8. The folder must be there; the umask applies to the mode.

    Raises:
        OSError: it cannot be written; an old file is as it was.
    """
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        handle = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, as :func:`write_text` does."""
    write_text(path, json.dumps(content, indent=4, ensure_ascii=False) + "\n")
