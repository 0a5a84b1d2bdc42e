"""Mutants of the reference tracker that are generated from its own code, and how many are caught.

    python tests/contract/mutation.py                 # all of them, in minutes
    python tests/contract/mutation.py --slice 2/4     # the second quarter
    python tests/contract/mutation.py --every 10      # a sample
    python tests/contract/mutation.py --only find_runs --verbose

Each mutant differs from ``amlflow/testing/memory.py``, or from the rules in
``amlflow/spec/transition.py`` that it calls, in one place: an operator, a condition, a
constant, a statement that is left out, a key or an argument that is dropped, a copy that is not
made. Locks are left alone, because a race that one test run does not lose says nothing. So are the
texts of errors. ``equivalent_mutants.yaml`` has the mutants that are right too, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from amlflow import spec
from amlflow.spec import transition as _function
from amlflow.testing import memory
from mutant_runs import Mutant, Outcome, run_suite

transition = sys.modules[_function.__module__]
"""The module, whose name in the package is the function's."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}

EQUIVALENT: dict[str, str] = {
    mutant: entry["reason"]
    for entry in yaml.safe_load(
        Path(__file__).with_name("equivalent_mutants.yaml").read_text(encoding="utf-8")
    )
    for mutant in entry["mutants"]
}
"""Mutants that are right too, by their description, with the reason."""


@dataclass(frozen=True)
class Generated:
    """A mutant: where it differs, and the tracker.

    ``description`` is the method, the original code and the changed code, and does not depend on
    line numbers.
    """

    line: int
    description: str
    mutant: Mutant


Edit = Callable[[], str | None]
"""Changes the tree in place, and returns what to show in place of the changed code."""


def generate() -> list[Generated]:
    """All mutants, in the order of their lines: of the reference tracker, then of a run's rules."""
    mutants: dict[str, Generated] = {}
    for module in (memory, transition):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        for index in range(sum(1 for _ in _edits(ast.parse(text)))):
            tree = ast.parse(text)
            node, owner, edit = next(itertools.islice(_edits(tree), index, None))
            lines = frozenset(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            before = _short(ast.unparse(node))
            shown = edit()
            after = _short(ast.unparse(node) if shown is None else shown)
            description = f"{owner}: {before} -> {after}"
            while description in mutants:
                description += " (again)"
            changed = _execute(module, ast.fix_missing_locations(tree))
            tracker = _with_rules(changed) if module is transition else changed.MemoryTracker
            mutant = Mutant(tracker, file=str(module.__file__), lines=lines)
            mutants[description] = Generated(node.lineno, description, mutant)
    return list(mutants.values())


def _execute(original: types.ModuleType, tree: ast.Module) -> Any:
    module = types.ModuleType(original.__name__)
    module.__file__ = original.__file__
    exec(compile(tree, str(original.__file__), "exec"), module.__dict__)
    return module


def _with_rules(rules: Any) -> type[memory.MemoryTracker]:
    """The reference tracker with other rules of a run; the suite itself has the right ones."""

    class Ruled(memory.MemoryTracker):
        def update_run(self, run_id: str, change: spec.RunChange) -> None:
            with self._lock:
                run = self.get_run(run_id)
                self._runs[run.id] = rules.transition(run, change)

    return Ruled


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def _edits(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str, Edit]]:
    """What can be changed: the node that shows it, the function, and the change itself."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for function in node.body:
                # Where the tracker's pages are is not tested, and it has none.
                if isinstance(function, ast.FunctionDef) and function.name != "__init__":
                    yield from _in_block(function, function.name)
        elif isinstance(node, ast.FunctionDef):
            yield from _in_block(node, node.name)


def _in_block(block: ast.AST, owner: str) -> Iterator[tuple[ast.stmt | ast.expr, str, Edit]]:
    for field in ("body", "orelse", "finalbody"):
        statements: list[ast.stmt] = getattr(block, field, [])
        for index, statement in enumerate(statements):
            if _is_docstring(statement):
                continue
            if isinstance(
                statement, ast.Expr | ast.Assign | ast.AugAssign | ast.Delete | ast.Raise
            ):
                yield statement, owner, _omit(statements, index)
            if isinstance(statement, ast.Return) and not _is_none(statement.value):
                yield statement, owner, _return_none(statement)
            if isinstance(statement, ast.If):
                for value in (True, False):
                    yield statement.test, owner, _set(statement, "test", ast.Constant(value))
            if not isinstance(statement, ast.Raise):
                yield from _in_expressions(statement, owner)
            yield from _in_block(statement, owner)
            for handler in getattr(statement, "handlers", []):
                yield from _in_block(handler, owner)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _omit(statements: list[ast.stmt], index: int) -> Edit:
    def edit() -> str:
        statements[index] = ast.Pass()
        return "pass"

    return edit


def _return_none(statement: ast.Return) -> Edit:
    def edit() -> None:
        statement.value = ast.Constant(None)

    return edit


def _set(node: ast.AST, field: str, value: object, shown: str | None = None) -> Edit:
    """Set a field of a node. What is shown is ``shown``, or the value if it is code."""

    def edit() -> str | None:
        setattr(node, field, value)
        return ast.unparse(value) if isinstance(value, ast.AST) else shown

    return edit


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement, without those of the statements in it and of annotations."""
    todo: list[ast.AST] = [
        child
        for field, child in ast.iter_fields(statement)
        if isinstance(child, ast.AST) and field not in ("annotation", "returns", "args")
    ]
    for field in ("targets", "items"):
        todo += [child for child in getattr(statement, field, []) if field != "items"]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, ast.expr):
            yield node
        todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _in_expressions(
    statement: ast.stmt, owner: str
) -> Iterator[tuple[ast.stmt | ast.expr, str, Edit]]:
    for node in _expressions(statement):
        if isinstance(node, ast.Compare):
            new_ops = [COMPARISONS[type(op)]() for op in node.ops]
            yield node, owner, _set(node, "ops", new_ops)
        elif isinstance(node, ast.BoolOp):
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, owner, _set_quietly(node, "op", other)
            for index in range(len(node.values)):
                rest = [value for n, value in enumerate(node.values) if n != index]
                yield node, owner, _set(node, "values", rest if len(rest) > 1 else rest * 2)
        elif isinstance(node, ast.IfExp):
            for value in (True, False):
                yield node, owner, _set_quietly(node, "test", ast.Constant(value))
        elif isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.USub):
                yield node, owner, _set_quietly(node, "op", ast.UAdd())
            else:  # twice is not at all
                twice = ast.UnaryOp(ast.Not(), node.operand)
                yield node, owner, _set_quietly(node, "operand", twice)
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            yield node, owner, _set_quietly(node, "op", OPERATORS[type(node.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) in (int, bool, str):
            yield node, owner, _set(node, "value", _other(node.value))
        elif isinstance(node, ast.Dict):
            for index in range(len(node.keys)):
                yield node, owner, _drop_key(node, index)
        elif isinstance(node, ast.Call):
            for index in range(len(node.keywords)):
                rest_of = [word for n, word in enumerate(node.keywords) if n != index]
                shown = f"without {ast.unparse(node.keywords[index])}"
                yield node, owner, _set(node, "keywords", rest_of, shown)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for part in node.generators:
                for index in range(len(part.ifs)):
                    ifs = [test for n, test in enumerate(part.ifs) if n != index]
                    yield node, owner, _set(part, "ifs", ifs)
        yield from _unwrapped(node, owner)


def _unwrapped(node: ast.expr, owner: str) -> Iterator[tuple[ast.stmt | ast.expr, str, Edit]]:
    """Calls with one argument, such as a copy or a sort, replaced by that argument."""
    for field, child in ast.iter_fields(node):
        children = child if isinstance(child, list) else [child]
        for index, part in enumerate(children):
            is_call = isinstance(part, ast.Call) and len(part.args) == 1
            if is_call and not isinstance(part.args[0], ast.Starred | ast.GeneratorExp):
                if isinstance(child, list):
                    yield node, owner, _replace_item(child, index, part.args[0])
                else:
                    yield node, owner, _set_quietly(node, field, part.args[0])


def _replace_item(items: list[ast.expr], index: int, value: ast.expr) -> Edit:
    def edit() -> None:
        items[index] = value

    return edit


def _set_quietly(node: ast.AST, field: str, value: ast.AST) -> Edit:
    def edit() -> None:
        setattr(node, field, value)

    return edit


def _drop_key(node: ast.Dict, index: int) -> Edit:
    def edit() -> str:
        shown = ast.unparse(ast.Dict([node.keys[index]], [node.values[index]]))
        del node.keys[index], node.values[index]
        return f"without {shown}"

    return edit


def _other(value: int | bool | str) -> int | bool | str:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"


def main(arguments: list[str]) -> int:
    """Run the suite on the mutants, and print those that no test catches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slice", default="1/1", help="which part of the mutants, such as 2/4")
    parser.add_argument("--every", type=int, default=1, help="every n-th mutant only")
    parser.add_argument("--only", default="", help="those whose description contains this text")
    parser.add_argument("--list", action="store_true", help="print the mutants and run none")
    parser.add_argument("--verbose", action="store_true", help="print which test catches each")
    options = parser.parse_args(arguments)
    number, parts = map(int, options.slice.split("/"))
    mutants = [each for each in generate() if options.only in each.description][:: options.every]
    size = -(-len(mutants) // parts)
    mutants = mutants[(number - 1) * size : number * size]
    if options.list:
        for mutant in mutants:
            print(f"{mutant.line}: {mutant.description}")
        return 0
    begun = time.monotonic()
    descriptions = {each.mutant: f"line {each.line}: {each.description}" for each in mutants}

    def report(mutant: Mutant, outcome: Outcome) -> None:
        if options.verbose:
            print(f"{outcome.test or 'NOT CAUGHT'}: {descriptions[mutant]}", file=sys.stderr)

    outcomes = run_suite(
        [each.mutant for each in mutants], original=memory.MemoryTracker, report=report
    )
    survivors = [
        mutant
        for mutant, outcome in zip(mutants, outcomes, strict=True)
        if outcome.test is None and mutant.description not in EQUIVALENT
    ]
    equivalent = sum(mutant.description in EQUIVALENT for mutant in mutants)
    for mutant in survivors:
        print(f"not caught, line {mutant.line}: {mutant.description}")
    judged = len(mutants) - equivalent
    print(
        f"{len(mutants)} mutants in {time.monotonic() - begun:.0f} s: {judged - len(survivors)} of "
        f"{judged} caught ({100 * (judged - len(survivors)) / max(judged, 1):.1f} %), and "
        f"{equivalent} are right too"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
