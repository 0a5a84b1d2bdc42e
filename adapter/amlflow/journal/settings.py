"""The journal's settings, from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amlflow.exceptions import UserErrorException

JOURNAL = "AMLFLOW_JOURNAL"
FOLDER = "AMLFLOW_JOURNAL_FOLDER"
MAX_MB_SETTING = "AMLFLOW_JOURNAL_MAX_MB"
FSYNC = "AMLFLOW_FSYNC"
OFFLINE = "AMLFLOW_OFFLINE"
FLUSH = "AMLFLOW_FLUSH_SECONDS"
EXIT = "AMLFLOW_EXIT_SECONDS"

_WORDS = {"": None, "1": True, "true": True, "on": True, "0": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What the environment says about the journal. docs/configuration.md explains each setting."""

    on: bool
    folder: Path
    max_bytes: int
    fsync: bool
    offline: bool
    flush_seconds: float
    exit_seconds: float


def from_environment(environ: Mapping[str, str] = os.environ) -> JournalSettings:
    """Read the settings.

    Raises:
        UserErrorException: a variable has an invalid value.
    """
    return JournalSettings(
        on=_switch(environ, JOURNAL, default=True),
        folder=journals_folder(environ),
        max_bytes=int(_number(environ, MAX_MB_SETTING, 4096) * 1_000_000),
        fsync=_switch(environ, FSYNC, default=False),
        offline=_switch(environ, OFFLINE, default=False),
        flush_seconds=_number(environ, FLUSH, 300),
        exit_seconds=_number(environ, EXIT, 20),
    )


def journals_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all journals: the variable's, or one in the user's state folder."""
    chosen = environ.get(FOLDER)
    if chosen:
        return Path(chosen).absolute()
    import platformdirs  # knows where each system keeps such folders

    return platformdirs.user_state_path("amlflow") / "journal"


def _switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environ.get(name, "")
    if value.lower() not in _WORDS:
        raise UserErrorException(f"{name} is on or off (or 1 or 0), and {value!r} is neither.")
    value_of_word = _WORDS[value.lower()]
    return default if value_of_word is None else value_of_word


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise UserErrorException(f"{name} is a number, 0 or more, and {value!r} is not.")
    return number
