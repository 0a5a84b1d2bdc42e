"""Warnings that the user must see, even if the script changes its logging."""

from __future__ import annotations

import functools
import logging
import sys

logger = logging.getLogger("amlflow")


def warn(message: str) -> None:
    """Log a warning.

    If the log has no handler, Python prints warnings to stderr. A notebook shows stderr in red, so
    in a notebook the warning is printed to stdout instead.
    """
    if is_notebook() and not logger.hasHandlers():
        print(message)
    else:
        logger.warning("%s", message)


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning once for each process. Print it, too, if the log does not go to the console."""
    warn(message)
    if not _is_logged_to_console() and not is_notebook():
        print(message, file=sys.stderr)


def is_notebook() -> bool:
    """Whether a Jupyter kernel runs this code. Kernels of other products count, too."""
    # Every kernel has imported IPython.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _is_logged_to_console() -> bool:
    if not logger.isEnabledFor(logging.WARNING):
        return False
    if not logger.hasHandlers():
        return logging.lastResort is not None  # it writes to stderr
    consoles = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    source: logging.Logger | None = logger
    while source is not None:
        for handler in source.handlers:
            if handler.level <= logging.WARNING and getattr(handler, "stream", None) in consoles:
                return True
        source = source.parent if source.propagate else None
    return False
