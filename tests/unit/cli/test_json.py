"""Every command prints and writes JSON that every parser reads."""

from __future__ import annotations

import io
import sys
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from amlflow.cli import main
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow.cli.usage import right_line
from amlflow.plain_json import plain
from helpers.command_line import strict_json


class Color(Enum):
    RED = float("nan")


@dataclass
class Pair:
    left: Any
    right: Any


AWKWARD = OrderedDict(
    nan=float("nan"),
    infinities=(float("inf"), [-float("inf"), {"deep": float("nan")}]),
    half="a\ud800b",
    whole="🎉",
    huge=10**400,
    endless=10**5000,
    large=2**70,
    time=datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    day=date(2024, 1, 2),
    scalars=[np.float32("nan"), np.int64(3), np.bool_(True), np.longdouble("inf"), np.str_("t")],
    array=np.array([[1.0, np.nan]]),
    when=np.datetime64("2024-01-02"),
    enum=Color.RED,
    pair=Pair(1, float("inf")),
    path=Path("/tmp/a"),
    content=b"\xff",
    members={1},
    exact=[Decimal("NaN"), Fraction(1, 4), 1j],
)
AWKWARD.update({3: "number", None: "null", "key\udcff": 1, float("nan"): 2})  # type: ignore[dict-item]

EXPECTED = {
    "nan": "NaN",
    "infinities": ["Infinity", ["-Infinity", {"deep": "NaN"}]],
    "half": "a\ufffdb",
    "whole": "🎉",
    "huge": str(10**400),
    "endless": hex(10**5000),
    "large": 2**70,
    "time": "2024-01-02T03:04:05+00:00",
    "day": "2024-01-02",
    "scalars": ["NaN", 3, True, "Infinity", "t"],
    "array": [[1.0, "NaN"]],
    "when": "2024-01-02",
    "enum": "NaN",
    "pair": {"left": 1, "right": "Infinity"},
    "path": "/tmp/a",
    "content": "\ufffd",
    "members": [1],
    "exact": ["NaN", 0.25, "1j"],
    "3": "number",
    "null": "null",
    "key\ufffd": 1,
    "NaN": 2,
}


def words_of(command: str) -> list[str]:
    """The words of a command with what it cannot do without."""
    words = command.split()
    for dest in COMMANDS[command].arguments:
        if ARGUMENTS[dest].get("required"):
            words += [ARGUMENTS[dest]["options_list"][0], "x"]
        if isinstance(number := ARGUMENTS[dest].get("nargs"), int):
            words += ["x"] * number
    return [*words, "x.py"] if "script" in COMMANDS[command].arguments else words


@pytest.fixture
def awkward(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The command gives values that Python's json does not write as JSON."""
    callspec = getattr(request.node, "callspec", None)
    name = callspec.params["command"] if callspec else "run open"
    changed = replace(COMMANDS[name], operation=lambda **_: AWKWARD)
    monkeypatch.setitem(COMMANDS, name, changed)


def test_plain() -> None:
    assert plain(AWKWARD) == EXPECTED


@pytest.mark.parametrize("command", COMMANDS)
def test_every_parser_reads_what_a_command_prints(cli: Any, awkward: None, command: str) -> None:
    words = words_of(command)
    at = words.index("x.py") if "x.py" in words else len(words)
    done = cli(*words)
    assert (done.code, strict_json(done.out)) == (0, EXPECTED)
    # Each command has columns of its own.
    assert cli(*words[:at], "-o", "table", *words[at:]).code == 0


def test_every_parser_reads_each_form(cli: Any, awkward: None) -> None:
    done = cli("run", "open", "-r", "x", "-o", "jsonc")
    assert (done.code, strict_json(done.out)) == (0, EXPECTED)
    done = cli("run", "open", "-r", "x", "-o", "yaml")
    assert (done.code, yaml.safe_load(done.out)) == (0, EXPECTED)
    cells = cli("run", "open", "-r", "x", "-o", "tsv").out.rstrip("\n").split("\t")
    assert cells[0] == "NaN"
    assert strict_json(cells[1]) == EXPECTED["infinities"]


@pytest.mark.parametrize(
    "command", [name for name, each in COMMANDS.items() if "output_metadata_file" in each.arguments]
)
def test_every_parser_reads_what_a_command_writes(
    cli: Any, awkward: None, folder: Path, command: str
) -> None:
    words = words_of(command)
    at = words.index("x.py") if "x.py" in words else len(words)
    assert cli(*words[:at], "-t", "out.json", *words[at:]).code == 0
    assert strict_json((folder / "out.json").read_text(encoding="utf-8")) == EXPECTED


def test_a_terminal_of_another_encoding(awkward: None, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert main(["run", "open", "-r", "x"]) == 0
    assert strict_json(out.getvalue().decode("ascii")) == EXPECTED


def required_of(command: str) -> list[str]:
    return [dest for dest in COMMANDS[command].arguments if ARGUMENTS[dest].get("required")]


@pytest.mark.parametrize("command", [name for name in COMMANDS if required_of(name)])
def test_a_command_that_lacks_its_arguments_is_shown_with_them(command: str) -> None:
    line = right_line(command.split())
    assert line is not None
    assert line.startswith(f"amlflow {command}")
    for dest in required_of(command):
        assert any(f" {flag} " in line for flag in ARGUMENTS[dest]["options_list"])
