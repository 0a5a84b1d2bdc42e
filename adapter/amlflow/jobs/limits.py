"""The limits for a snapshot, both for packing and unpacking."""

from __future__ import annotations

import os

from amlflow.exceptions import SnapshotException

MAX_MEGABYTES = 300
MAX_FILES = 2000
SIZE_SETTING = "AMLFLOW_SNAPSHOT_MAX_MB"
FILES_SETTING = "AMLFLOW_SNAPSHOT_MAX_FILES"


def max_bytes() -> int:
    """How many bytes the files may have together, uncompressed.

    Raises :class:`SnapshotException` if the setting is not a whole number.
    """
    return _setting(SIZE_SETTING, MAX_MEGABYTES) << 20


def max_files() -> int:
    """How many files there may be.

    Raises :class:`SnapshotException` if the setting is not a whole number.
    """
    return _setting(FILES_SETTING, MAX_FILES)


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise SnapshotException(
            f"The environment variable {name}={text!r} is not a whole number. Correct or unset it."
        )
    return int(text or default)
