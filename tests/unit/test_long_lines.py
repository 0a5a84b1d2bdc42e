"""Patterns look at what others write, so they need no more than a moment for a long text."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.data.errors import without_secrets
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.requirement_lines import add_hashes, names_local_file, parse_lines

N = 100_000


def refused(line: str) -> None:
    with pytest.raises(EnvironmentBuildException, match="too long for a package"):
        parse_lines([line], [Path()])


LOOKS: dict[str, Callable[[], object]] = {
    "word": lambda: without_secrets("a" * N),
    "address": lambda: without_secrets("a://" * N),
    "requirement": lambda: refused("a" + "-" * N),
    "path": lambda: refused("a @ b" + " " * N + "c"),
    "spaces": lambda: refused("a" + " " * N + "b"),
    "local": lambda: names_local_file("a @ b" + " " * N + "c"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_long_text_takes_a_moment(look: str) -> None:
    """Each took from ten seconds to hours, as the time grew with the square of the length."""
    start = time.process_time()
    LOOKS[look]()
    assert time.process_time() - start < 3


def test_addresses_have_no_secrets() -> None:
    text = "at s3://me:word@host/a?sig=1 and abfs://box@store.x/b?c"
    assert without_secrets(text) == "at s3://host/a and abfs://box@store.x/b"


def test_hashes_are_taken_after_any_spaces() -> None:
    line = f"a==1 \t --hash=sha256:{'1' * 64}   --hash  sha256:{'2' * 64}"
    lines = parse_lines([line], [Path()])
    assert lines.packages == ["a==1"]
    assert add_hashes("a==1", lines.hashes["a==1"]).count("sha256") == 2
