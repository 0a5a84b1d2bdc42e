"""The tables at the top of the contract's modules name all methods and errors, and no others."""

from __future__ import annotations

import re

from amlflow import exceptions, spec
from amlflow.spec import (
    ModelRegistry,
    QuickSearch,
    Tracker,
    TrackerBase,
    errors,
    registry,
    tracker,
)

WORDS = re.compile(r"[A-Z]\w+")


def rows_of(module: object) -> list[list[str]]:
    """The cells of the table in a module's docstring; a row that goes on is joined."""
    _, head, *lines = (module.__doc__ or "").partition("====")[2].split("\n")
    ruler = lines[0]
    starts = [match.start() for match in re.finditer("=+", ruler)]
    rows: list[list[str]] = []
    for line in lines[1:]:
        if line == ruler:
            return rows
        cells = [
            line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)
        ]
        if module is not errors and not cells[0]:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    raise AssertionError(head)


ROWS = {row[0]: row for row in [*rows_of(tracker), *rows_of(registry)]}
METHODS = {
    name: method
    for protocol in (Tracker, QuickSearch, ModelRegistry)
    for name, method in vars(protocol).items()
    if callable(method) and not name.startswith("_")
}


def test_each_method_has_its_row() -> None:
    assert list(ROWS) == list(METHODS)


def test_a_row_names_the_errors_that_the_docstring_names() -> None:
    names = {error for error in spec.__all__ if error in vars(errors)}
    for name, method in METHODS.items():
        stated = set(re.findall(r":class:`(\w+)`", method.__doc__ or "")) & names
        in_row = set(WORDS.findall(ROWS[name][2]))
        assert stated <= in_row, name
        assert in_row <= names, name


def test_a_row_says_whether_the_method_may_be_left_out() -> None:
    optional = [name for name in METHODS if ROWS[name][1].startswith("(optional)")]
    assert optional == [name for name in METHODS if name in vars(TrackerBase)]


def test_the_errors_for_failures_exist() -> None:
    names = {word for row in rows_of(errors) for word in WORDS.findall(row[1])}
    names.discard("AuthenticationException")
    assert issubclass(exceptions.AuthenticationException, exceptions.AzureMLException)
    assert names == {"Unavailable", "Refused", "TooLarge", "RunNotFound"}
    assert names <= set(spec.__all__)
