"""tests/problems.yaml names tests that exist."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[1]
PROBLEMS: dict[str, list[str]] = {
    problem: tests
    for kind in yaml.safe_load((TESTS / "problems.yaml").read_text()).values()
    for problem, tests in kind.items()
}


@functools.cache
def text_of(path: str) -> str:
    return (TESTS / path).read_text(encoding="utf-8")


def test_each_problem_has_tests() -> None:
    assert [problem for problem, tests in PROBLEMS.items() if not tests] == []
    tests = {test.partition("::")[::2] for tests in PROBLEMS.values() for test in tests}
    absent = [
        f"{path}::{name}"
        for path, name in sorted(tests)
        if not re.search(rf"^ *def {name}\(", text_of(path), re.M)
    ]
    assert absent == []
    assert [name for _, name in tests if not name.startswith("test_")] == []
