"""The messages between the processes of a distributed job and the agent on its first node.

They share no folder. A process writes lines to its standard output, and reads its standard
input, both of which the cluster passes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO

from amlflow.tracker_data import Malformed, is_whole, to_object

MARK = "amlflow-process "
"""A line that begins so is a message; others are the cluster's own."""
END = "end\n"
"""Asks all processes to end."""
MAX_MESSAGE = 20_000
"""Characters of a message's JSON."""
MAX_LINE = 2 * MAX_MESSAGE
"""Characters of a line that is looked at."""
STARTED = "started"
ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMessage:
    """That a process has started, or how it has ended.

    ``code`` is its exit code; below 0 it is a signal's number. ``error`` says why it could not be
    started, and ``output`` is the end of what it wrote.
    """

    number: int
    event: str
    code: int = 0
    error: str | None = None
    output: str = ""


def send(message: NodeMessage) -> None:
    """Send it to the agent on the first node."""
    sys.stdout.write(f"{to_line(message)}\n")
    sys.stdout.flush()


def to_line(message: NodeMessage) -> str:
    """The line of a message. Of texts that are too long for one, the end is kept."""
    content = json.dumps(asdict(message))
    while len(content) > MAX_MESSAGE:  # a character may take 12
        error, output = _last_half(message.error or ""), _last_half(message.output)
        message = replace(message, error=error or None, output=output)
        content = json.dumps(asdict(message))
    return f"{MARK}{content}"


def _last_half(text: str) -> str:
    return text[(len(text) + 1) // 2 :]


def read_lines(stream: IO[str] | None) -> Iterator[str]:
    """The lines of a stream, each cut to :data:`MAX_LINE` characters: a script may end none."""
    is_rest = False
    while stream is not None and (line := stream.readline(MAX_LINE)):
        if not is_rest:
            yield line
        is_rest = not line.endswith("\n")


def parse_message(line: str, count: int) -> NodeMessage | None:
    """The message in a line of one of ``count`` processes; None if it is none.

    A script can write such lines itself, so they are parsed as any input.
    """
    if not line.startswith(MARK):
        return None
    try:
        content = to_object(line.removeprefix(MARK), MAX_MESSAGE)
        number, code = content.get("number"), content.get("code")
        event, error, output = (content.get(name) for name in ("event", "error", "output"))
        if not (is_whole(number) and 0 <= number < count and event in (STARTED, ENDED)):
            return None
        if not (is_whole(code) and abs(code) < 256 and isinstance(output, str)):
            return None
    except Malformed:
        return None
    return NodeMessage(
        number=number,
        event=str(event),
        code=code,
        error=error if isinstance(error, str) else None,
        output=output,
    )
