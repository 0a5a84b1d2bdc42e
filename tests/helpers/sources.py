"""The code of the adapter and of the plugins, as text and as syntax trees."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def python_files() -> list[Path]:
    """Return all Python files in adapter/ and plugins/."""
    folders = (ROOT / "adapter", ROOT / "plugins")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@cache
def text_of(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(text_of(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Return all nodes of a file's syntax tree, in no particular order."""
    return list(ast.walk(tree_of(path)))


def name_of(path: Path) -> str:
    """Return the path relative to the project's folder."""
    return path.relative_to(ROOT).as_posix()
