"""Conditions on rows for v1's ``filter``, such as ``dataset["age"] > 30``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amlflow.exceptions import UserErrorException

MAX_DEPTH = 50
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_JOINS: Mapping[str, Callable[[Any, Any], Any]] = {"&": operator.and_, "|": operator.or_}


class Expression:
    """A condition on rows. ``&``, ``|`` and ``~`` combine conditions."""

    def __init__(self, tree: list[Any]) -> None:
        self.tree = tree

    def __and__(self, other: Expression) -> Expression:
        return Expression(["&", self.tree, other.tree])

    def __or__(self, other: Expression) -> Expression:
        return Expression(["|", self.tree, other.tree])

    def __invert__(self) -> Expression:
        return Expression(["~", self.tree])

    def __bool__(self) -> bool:
        raise UserErrorException(
            "A condition on a column has no truth value by itself; combine conditions with &, | "
            "and ~, each in parentheses, and pass the whole to filter()."
        )


class Column(Expression):
    """A column of a data set. A comparison with it is a condition."""

    def __init__(self, name: str) -> None:
        super().__init__(["column", name])
        self._name = name

    def _compare(self, sign: str, value: Any) -> Expression:
        if isinstance(value, Column):
            return Expression([sign, self._name, value.tree])
        plain = value.isoformat() if hasattr(value, "isoformat") else value
        if not isinstance(plain, (bool, int, float, str, type(None))):
            raise UserErrorException(
                f"A column is compared with a number, a text, a time or another column, and not "
                f"with a {type(value).__name__}."
            )
        return Expression([sign, self._name, plain])

    def __eq__(self, value: object) -> Expression:  # type: ignore[override]
        return self._compare("==", value)

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]
        return self._compare("!=", value)

    def __lt__(self, value: Any) -> Expression:
        return self._compare("<", value)

    def __le__(self, value: Any) -> Expression:
        return self._compare("<=", value)

    def __gt__(self, value: Any) -> Expression:
        return self._compare(">", value)

    def __ge__(self, value: Any) -> Expression:
        return self._compare(">=", value)

    __hash__ = None  # type: ignore[assignment]

    def is_null(self) -> Expression:
        """Return the condition that the row has no value in this column."""
        return Expression(["null", self._name])


def check_form(tree: object, depth: int = 0) -> None:
    """Raise ValueError if the object is not the tree of a condition."""
    if depth > MAX_DEPTH or not isinstance(tree, list) or not tree:
        raise ValueError(f"a condition of at most {MAX_DEPTH} levels")
    sign, *operands = tree
    if (sign in ("&", "|") and len(operands) == 2) or (sign == "~" and len(operands) == 1):
        for operand in operands:
            check_form(operand, depth + 1)
        return
    is_named = bool(operands) and isinstance(operands[0], str)
    if is_named and sign in ("null", "column") and len(operands) == 1:
        return
    if is_named and isinstance(sign, str) and sign in _COMPARISONS and len(operands) == 2:
        value = operands[1]
        is_column = (
            isinstance(value, list)
            and len(value) == 2
            and value[0] == "column"
            and isinstance(value[1], str)
        )
        if is_column or isinstance(value, (bool, int, float, str, type(None))):
            return
    raise ValueError("a condition on columns")


def in_utc(column: Any) -> Any:
    """Return a column of a data frame. Times with a zone become times in UTC, without a zone.

    Only files in Parquet have zones. The times that a data set is compared with have none.
    """
    return column if getattr(column.dtype, "tz", None) is None else column.dt.tz_convert(None)


def _time_in_utc(text: str) -> Any:
    """Return a time that names its zone as a time in UTC, without a zone; any other text as it is.

    pandas finds no row that is equal to a time in a zone if the column has none.
    """
    import pandas as pd  # the data frame has loaded it already

    try:
        time = pd.Timestamp(text)
    except ValueError:
        return text
    return text if time.tz is None else time.tz_convert(None)


def evaluate(
    tree: Sequence[Any],
    frame: Any,
    check: Callable[[Sequence[str], Sequence[str]], None],
    depth: int = 0,
) -> Any:
    """Return for each row of a data frame whether it meets the condition.

    Raises:
        UserErrorException: the tree is not a condition, a column does not exist, or its values
            cannot be compared.
    """
    if depth > MAX_DEPTH or not tree:
        raise UserErrorException(f"A condition has at most {MAX_DEPTH} levels.")
    sign, *operands = tree
    if sign in _JOINS and len(operands) == 2:
        left, right = (evaluate(operand, frame, check, depth + 1) for operand in operands)
        return _JOINS[sign](left, right)
    if sign == "~" and len(operands) == 1:
        return ~evaluate(operands[0], frame, check, depth + 1)
    if sign in ("null", "column") and len(operands) == 1:
        check(frame.columns, operands)
        column = frame[operands[0]]
        return column.isna() if sign == "null" else column.fillna(False).astype(bool)
    if sign in _COMPARISONS and len(operands) == 2:
        check(frame.columns, [operands[0]])
        value = operands[1]
        if isinstance(value, list):
            check(frame.columns, [value[1]])
            value = in_utc(frame[value[1]])
        column = in_utc(frame[operands[0]])
        if column.dtype.kind == "M" and isinstance(value, str):
            value = _time_in_utc(value)
        try:
            return _COMPARISONS[sign](column, value)
        except (TypeError, ValueError):
            raise UserErrorException(
                f"The column {operands[0]!r} of type {frame[operands[0]].dtype} cannot be compared "
                f"with {value!r}."
            ) from None
    raise UserErrorException(f"{tree!r} is not a condition on rows.")
