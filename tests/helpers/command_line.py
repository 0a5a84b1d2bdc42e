"""The command line in this process, and what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from amlflow.cli import main


@dataclass
class Printed:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON. Fails if the command did."""
        assert self.code == 0, self.err
        return strict_json(self.out)


class Cli:
    """Runs commands. No command may print a traceback."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Printed:
        self._capsys.readouterr()
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Printed(code, captured.out, captured.err)


def strict_json(text: str) -> Any:
    """Parse a text as JSON that every parser reads: without NaN and without lone surrogates."""

    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is not JSON")

    text.encode()
    return json.loads(text, parse_constant=refuse)
