"""What a command that takes a while shows on a terminal, and only there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def said(what: str) -> Iterator[None]:
    """Say on stderr what is being done while it is done, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{what} …", end="", file=sys.stderr, flush=True)
    done = "failed"
    try:
        yield
        done = "done"
    finally:
        print(f" {done}.", file=sys.stderr, flush=True)
