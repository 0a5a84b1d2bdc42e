"""The command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys

CLOSED_PIPE = 141
"""The exit code of shells for a program that SIGPIPE has ended."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return the exit code."""
    # When Python ends, it searches all objects for cycles, which is a sixth of a short command.
    atexit.register(gc.freeze)
    # Imported here, since knack takes long to import.
    from amlflow.cli.app import App

    try:
        try:
            code = App().invoke(list(sys.argv[1:] if arguments is None else arguments))
        except SystemExit as end:  # argparse raises it for -h and for wrong usage
            code = end.code if isinstance(end.code, int) else 1
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe. Python would report that again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return int(code)
