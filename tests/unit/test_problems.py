"""tests/problems.yaml names tests that exist."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).parents[1]
PROBLEMS: dict[str, list[str]] = {
    problem: tests
    for kind in yaml.safe_load((TESTS / "problems.yaml").read_text()).values()
    for problem, tests in kind.items()
}


@functools.cache
def names_of(path: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_problem_has_tests(problem: str) -> None:
    assert PROBLEMS[problem]
    for test in PROBLEMS[problem]:
        path, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in names_of(path)
