"""What is noted of each operation, and the checks of its result."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

from amlflow.cli import main as command_line
from amlflow.exceptions import AzureMLException

OK = "ok"
NAME = f"operations-{uuid.uuid4().hex[:8]}"
"""How the experiments, models and so on are called. It is unique: a server has others."""
BYTES = b"one\ntwo\n"
"""The content of the files."""

results: dict[str, str] = {}


class Wrong(Exception):
    """An operation's result is not the right one."""


def check(holds: object, got: object = "") -> None:
    if not holds:
        raise Wrong(repr(got))


def expect(got: object, expected: object) -> None:
    check(got == expected, got)


@contextlib.contextmanager
def operation(*names: str) -> Iterator[None]:
    """Note whether the operations in the ``with`` block worked or were refused."""
    try:
        yield
    except AzureMLException as error:
        outcome = error.message
    else:
        outcome = OK
    for name in names:
        if results.get(name, OK) == OK:
            results[name] = outcome


def command(name: str, *words: str, output: str = "json") -> Any:
    """Run a command, note whether it worked, and return what it printed."""
    printed = io.StringIO()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            code = command_line([*name.split(), *words, "-o", output])
        errors.seek(0)
        outcome = OK if code == 0 else errors.read().strip()
    if results.get(name, OK) == OK:
        results[name] = outcome
    text = printed.getvalue()
    return json.loads(text) if output == "json" and text.strip() and code == 0 else text
