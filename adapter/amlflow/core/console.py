"""Warnings that the user must see, whatever the script does with its log."""

from __future__ import annotations

import functools
import logging
import sys

logger = logging.getLogger("amlflow")


def warn(message: str) -> None:
    """Log a warning.

    Python prints warnings to stderr if no handler of the log takes them. A notebook shows stderr in
    red, so there they are printed to stdout instead.
    """
    if is_notebook() and not logger.hasHandlers():
        print(message)
    else:
        logger.warning("%s", message)


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning, and print it if the log does not go to the console."""
    warn(message)
    if not _is_logged_to_console() and not is_notebook():
        print(message, file=sys.stderr)


def is_notebook() -> bool:
    """Whether a Jupyter kernel runs this code, also one of another product."""
    # A kernel has always imported IPython.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


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
