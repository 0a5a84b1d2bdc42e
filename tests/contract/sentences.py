"""The sentences of ``amlflow.spec``, and those that a suite's test names."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

from amlflow import spec
from amlflow.testing.failures import quoted_sentences


def of_contract() -> list[str]:
    """All sentences of the docstrings, each as ``owner: sentence``, without markup.

    The package's own docstring is the page that authors read first; those of its modules only say
    what is in them.
    """
    bodies = [
        ast.parse(inspect.getsource(importlib.import_module(f"{spec.__name__}.{module.name}"))).body
        for module in pkgutil.iter_modules(spec.__path__)
    ]
    return [f"page: {each}" for each in _sentences(inspect.getdoc(spec) or "")] + [
        f"{owner}: {each}"
        for body in bodies
        for owner, text in _documented(body, "")
        for each in _sentences(text)
    ]


def named(test: object) -> list[str]:
    """What a test's docstring quotes: ``owner: sentence``, with indented lines that go on."""
    return quoted_sentences(test)


def _documented(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, str]]:
    before: ast.stmt | None = None
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name, ast.get_docstring(node) or ""
            yield from _documented(node.body, node.name)
        elif isinstance(node, ast.FunctionDef):
            name = (
                node.name if owner in ("", "Tracker", "ModelRegistry") else f"{owner}.{node.name}"
            )
            yield name, ast.get_docstring(node) or ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            target = before.targets[0] if isinstance(before, ast.Assign) else None
            if isinstance(target, ast.Name):
                yield target.id, inspect.cleandoc(str(node.value.value))
        before = node


def _sentences(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n(?:\* )?|\n\* ", text):
        plain = re.sub(r":\w+:`~?([\w.]+)`", r"\1", paragraph).replace("`", "")
        if plain.strip():
            yield from re.split(r"(?<=\.)\s+", " ".join(plain.split()))
