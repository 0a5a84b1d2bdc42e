"""Shows on stderr what a slow command does."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

COUNT_S = 0.2
"""Seconds between two updates of a counter on a terminal."""
LINE_S = 10.0
"""Seconds between two lines if stderr is not a terminal."""


@contextlib.contextmanager
def announce(what: str) -> Iterator[None]:
    """Show on stderr what is being done, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{what} …", end="", file=sys.stderr, flush=True)
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        print(f" {outcome}.", file=sys.stderr, flush=True)


@contextlib.contextmanager
def counting(progress: Callable[[], str]) -> Iterator[None]:
    """Show the progress on stderr: on a terminal in one line, elsewhere in a line every 10 s."""
    terminal = sys.stderr.isatty()
    end_event = threading.Event()

    def say() -> None:
        while not end_event.wait(COUNT_S if terminal else LINE_S):
            write()

    def write() -> None:
        text = f"\r{progress()}\x1b[K" if terminal else f"{progress()}\n"
        print(text, end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=say, name="amlflow-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end_event.set()
        thread.join()
        if terminal:
            write()
            print(file=sys.stderr, flush=True)
