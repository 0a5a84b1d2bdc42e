"""Rules of the layout that import-linter does not check: no cycles, private stays private."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import groupby

import grimp
import pytest
from helpers.sources import ROOT, name_of, nodes_of, python_files, text_of

PACKAGES = sorted(
    path.parent.name
    for folder in ("adapter", "plugins", "adapter/dropin")
    for path in (ROOT / folder).glob("*/__init__.py")
)
MAX_LINES = 450
FOREIGN_PRIVATE = re.compile(r"\.(?<!\bself\.)(?<!\bcls\.)_(?!_)")
INNER_IMPORT = re.compile(r"^[ \t]+(import|from)\s", re.M)
"""What a file with an offence has in its text. Only such files are parsed: that takes 4 ms each."""
DOCUMENTED = {"os._exit", "sys._current_frames", "sys._getframe", "parts._replace"}
"""Names of the standard library that its documentation offers to everybody, for all their look."""

pytestmark = pytest.mark.xdist_group("sources")  # one process parses all files


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"These modules import each other in a circle: {' <- '.join(error.args[1])}")


def test_private_members_are_used_in_their_own_module_only() -> None:
    foreign = []
    for path in python_files():
        if path.parent.name == "amlflow_mlflow_private":
            continue  # this is the one module with private names of MLflow
        if not FOREIGN_PRIVATE.search(text_of(path)):
            continue
        attributes = [
            node
            for node in nodes_of(path)
            if isinstance(node, ast.Attribute)
            and _is_private(node.attr)
            and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        ]
        own = set(_defined(nodes_of(path))) if attributes else set()
        foreign += [
            f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}"
            for node in attributes
            if node.attr not in own and ast.unparse(node) not in DOCUMENTED
        ]
    assert foreign == []


def test_a_lock_of_a_module_is_free_in_the_child_of_a_fork() -> None:
    found = [
        f"{name_of(path)}:{text[: match.start()].count(chr(10)) + 1}"
        for path in python_files()
        for text in [text_of(path)]
        for match in re.finditer(r"^\w+ *(:.*)?= *threading\.\w*(Lock|Condition)\(", text, re.M)
    ]
    assert not found, "use `hold_during_forks`"


def test_an_import_in_a_function_says_why() -> None:
    unexplained = []
    for path in python_files():
        if not INNER_IMPORT.search(text_of(path)):
            continue
        lines = text_of(path).splitlines()
        for function in nodes_of(path):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for block in _imports(function):
                first, last = block[0].lineno - 1, block[-1].end_lineno or 0
                has_reason = any("#" in line for line in lines[first:last])
                if not has_reason and not lines[first - 1].lstrip().startswith("#"):
                    unexplained.append(f"{name_of(path)}:{first + 1}: {lines[first].strip()}")
    assert sorted(set(unexplained)) == []  # an inner function is also in its outer one


def test_a_file_is_read_in_one_sitting() -> None:
    paths = [*python_files(), *(ROOT / "tests").rglob("*.py")]
    lengths = {name_of(path): len(text_of(path).splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _defined(nodes: list[ast.AST]) -> Iterator[str]:
    """The private names that a module gives to its own classes, objects and functions."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # __slots__


def _imports(function: ast.AST) -> Iterator[list[ast.stmt]]:
    """The runs of imports that stand one after another in a function, at any depth."""
    for node in ast.walk(function):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            for is_import, run in groupby(
                statements if isinstance(statements, list) else [],
                lambda statement: isinstance(statement, ast.Import | ast.ImportFrom),
            ):
                if is_import:
                    yield list(run)
