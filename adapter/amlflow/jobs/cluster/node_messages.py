"""The messages between the processes of a distributed job and the agent on its first node.

The nodes need not share a folder. A process writes its messages as lines to standard output, and
reads standard input. The cluster passes both on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO

from amlflow.tracker_data import Malformed, is_whole, to_object

MARK = "amlflow-process "
"""The beginning of a line with a message. Other lines are the cluster's own."""
END = "end\n"
"""This text on standard input asks all processes to end."""
TERM = "term\n"
"""This text on standard input asks all processes to send SIGTERM to their scripts, which may go on.
As a signal, it would end the cluster's own command and with it all processes."""
MAX_MESSAGE = 20_000
"""How many characters the JSON of a message has at most."""
MAX_LINE = 2 * MAX_MESSAGE
"""How many characters of a line are read."""
STARTED = "started"
ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMessage:
    """The message that a process has started, or how it has ended.

    ``code`` is its exit code; ``-N`` means that signal ``N`` ended it. ``error`` says why it could
    not be started, and ``output`` is the end of its output. ``is_out_of_memory`` says that the
    kernel killed a process of the node's job meanwhile, for lack of memory.
    """

    number: int
    event: str
    code: int = 0
    error: str | None = None
    output: str = ""
    is_out_of_memory: bool = False


def send(message: NodeMessage) -> None:
    """Send a message to the agent on the first node."""
    sys.stdout.write(f"{to_line(message)}\n")
    sys.stdout.flush()


def to_line(message: NodeMessage) -> str:
    """Make the line of a message. If a text is too long, only its end is kept."""
    content = json.dumps(asdict(message))
    while len(content) > MAX_MESSAGE:  # JSON may need 12 characters for one
        error, output = _last_half(message.error or ""), _last_half(message.output)
        message = replace(message, error=error or None, output=output)
        content = json.dumps(asdict(message))
    return f"{MARK}{content}"


def _last_half(text: str) -> str:
    return text[(len(text) + 1) // 2 :]


def read_lines(stream: IO[str] | None) -> Iterator[str]:
    """Yield the lines of a stream. A line is cut to :data:`MAX_LINE` characters.

    Without the limit, a script that never ends a line would fill the memory.
    """
    is_rest = False
    while stream is not None and (line := stream.readline(MAX_LINE)):
        if not is_rest:
            yield line
        is_rest = not line.endswith("\n")


def parse_message(line: str, count: int) -> NodeMessage | None:
    """Parse a line of one of ``count`` processes. Returns None if it is not a message.

    A script can write such lines itself, so they are parsed like any input.
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
        is_out_of_memory=content.get("is_out_of_memory") is True,
    )
