"""Warnings that a user is to see, whatever the script does with its log."""

from __future__ import annotations

import functools
import logging
import sys

logger = logging.getLogger("amlflow")


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning, and print it where the log does not go to the console."""
    logger.warning("%s", message)
    if not _is_logged_to_console():
        print(message, file=sys.stderr)


def _is_logged_to_console() -> bool:
    if not logger.isEnabledFor(logging.WARNING):
        return False
    if not logger.hasHandlers():
        return logging.lastResort is not None  # which writes to stderr
    consoles = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    source: logging.Logger | None = logger
    while source is not None:
        for handler in source.handlers:
            if handler.level <= logging.WARNING and getattr(handler, "stream", None) in consoles:
                return True
        source = source.parent if source.propagate else None
    return False
