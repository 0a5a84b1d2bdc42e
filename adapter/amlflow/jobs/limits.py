"""How large a snapshot may be: both to pack and to unpack."""

from __future__ import annotations

import os

from amlflow.exceptions import SnapshotException

MAX_MEGABYTES = 300
MAX_FILES = 2000
SIZE_SETTING = "AMLFLOW_SNAPSHOT_MAX_MB"
FILES_SETTING = "AMLFLOW_SNAPSHOT_MAX_FILES"


def max_bytes() -> int:
    """Bytes of all files, not compressed. Raises :class:`SnapshotException` for a bad setting."""
    return _setting(SIZE_SETTING, MAX_MEGABYTES) << 20


def max_files() -> int:
    """Number of files. Raises :class:`SnapshotException` for a bad setting."""
    return _setting(FILES_SETTING, MAX_FILES)


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise SnapshotException(f"{name}={text!r} is not a whole number.")
    return int(text or default)
