"""The command line."""

from __future__ import annotations

import os
import sys

CLOSED_PIPE = 141
"""What a shell reports of a program that SIGPIPE ended."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code is returned."""
    # Imported when a command runs: knack takes long to import.
    from amlflow.cli.app import App

    try:
        code = App().invoke(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on, and Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except SystemExit as end:  # how argparse ends on -h and on wrong usage
        return end.code if isinstance(end.code, int) else 1
    return int(code)
