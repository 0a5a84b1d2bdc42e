"""The layout's rules that import-linter does not know: no circles, private stays private."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent.name
    for folder in ("adapter", "plugins", "adapter/dropin")
    for path in (ROOT / folder).glob("*/__init__.py")
)
SOURCES = sorted(
    path for folder in ("adapter", "plugins") for path in (ROOT / folder).rglob("*.py")
)
MAX_LINES = 450
DOCUMENTED = {"os._exit", "sys._current_frames", "sys._getframe", "parts._replace"}
"""Names of the standard library that its documentation offers to everybody, for all their look."""


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"These modules import each other in a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize(
    "path",
    # These have the private names of MLflow that a plugin uses, in one file so that they are known.
    [path for path in SOURCES if path.name != "private.py"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_private_members_are_used_in_their_own_module_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = set(_defined(tree))
    foreign = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and _is_private(node.attr)
        and node.attr not in own
        and ast.unparse(node) not in DOCUMENTED
        and ast.unparse(node) != "os._exit"  # Python documents it
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert not foreign


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_import_in_a_function_says_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    unexplained = []
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for block in _imports(function.body):
            first, last = block[0].lineno - 1, block[-1].end_lineno or 0
            said = any("#" in line for line in lines[first:last])
            if not said and not lines[first - 1].lstrip().startswith("#"):
                unexplained.append(f"line {first + 1}: {lines[first].strip()}")
    assert not unexplained


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _defined(tree: ast.Module) -> Iterator[str]:
    """The private names that a module gives to its own classes, objects and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # __slots__


def _imports(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """The runs of imports that stand one after another in a function."""
    block: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            block.append(statement)
            continue
        if block:
            yield block
            block = []
    if block:
        yield block
