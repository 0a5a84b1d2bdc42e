"""Sets of runs, as conditions: those for which an expression may be true, false or an error.

Each set is a superset: it may have more runs than needed, but no needed run is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amlflow.spec import Condition, Op

Alternative = tuple[Condition, ...]
"""Conditions that all hold."""
Superset = tuple[Alternative, ...]
"""Runs for which one of the alternatives holds."""

EVERY: Superset = ((),)
NO: Superset = ()

MAX_ALTERNATIVES = 4
"""Each alternative is a search.

More than this number of searches would cost more than they save.
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """The runs for which an expression may be true, may be false, and may raise an error."""

    true: Superset = EVERY
    false: Superset = EVERY
    error: Superset = NO


def either(*supersets: Superset) -> Superset:
    """Return the runs in any of the supersets."""
    return _reduce(alternative for superset in supersets for alternative in superset)


def intersect(left: Superset, right: Superset) -> Superset:
    """Return the runs in both supersets."""
    pairs = (
        _drop_implied(tuple(dict.fromkeys((*one, *other))))
        for one in left
        for other in right
        if not _contradict(one, other)
    )
    return _reduce(pairs)


def _drop_implied(alternative: Alternative) -> Alternative:
    """Remove conditions that follow from the other conditions of an alternative."""
    return tuple(
        condition
        for condition in alternative
        if not any(_implies(other, condition) for other in alternative)
    )


def _implies(one: Condition, other: Condition) -> bool:
    """Whether the second condition holds for each run for which the first holds.

    For example, for the same field::

        name = 'a'             implies  has name
        name = 'a'             implies  name != 'b'
        name starts with 'a'   implies  name != 'b'
        name != 'b'            implies  nothing: a run without a name meets it, too
    """
    if (one.field, one.key) != (other.field, other.key) or one.op in (Op.NE, Op.HAS, Op.LACKS):
        return False
    return other.op is Op.HAS or (other.op is Op.NE and _is_false_for(one, other.value))


def _is_false_for(condition: Condition, value: Any) -> bool:
    """Whether the condition is false for a run whose field has this value.

    ``name starts with 'a'`` is false for ``'b'``, and not for ``'ab'``.
    """
    if condition.op is Op.EQ:
        return bool(condition.value != value)
    if condition.op in (Op.STARTS_WITH, Op.CONTAINS):
        if not isinstance(value, str):
            return True
        part = str(condition.value)
        return not (value.startswith(part) if condition.op is Op.STARTS_WITH else part in value)
    return False


def _reduce(alternatives: Iterable[Alternative]) -> Superset:
    """Remove alternatives that another one covers, and limit their number.

    ``(has name) or (name = 'a')`` becomes ``has name``. More than :data:`MAX_ALTERNATIVES` become
    one alternative with the conditions that they have in common, which finds more runs.
    """
    remaining: list[Alternative] = []
    for alternative in alternatives:
        if any(set(other) <= _with_implied(alternative).keys() for other in remaining):
            continue
        remaining = [
            other for other in remaining if not set(alternative) <= _with_implied(other).keys()
        ]
        remaining.append(alternative)
    if len(remaining) <= MAX_ALTERNATIVES:
        return tuple(remaining)
    return (_intersect(remaining),)


def _intersect(alternatives: Sequence[Alternative]) -> Alternative:
    """Return the conditions that all alternatives have or imply.

    ``(name = 'a' and type = 't') or (name = 'b')`` has ``has name`` in common.
    """
    first, *others = [_with_implied(alternative) for alternative in alternatives]
    return tuple(condition for condition in first if all(condition in other for other in others))


def _with_implied(alternative: Alternative) -> dict[Condition, None]:
    """The conditions, then the presence of the fields that they need; a dict keeps the order."""
    presences = (_presence(condition) for condition in alternative)
    return dict.fromkeys((*alternative, *(has for has in presences if has is not None)))


def _presence(condition: Condition) -> Condition | None:
    """``has name`` for ``name = 'a'``; None if a run without it can meet the condition."""
    if condition.op in (Op.NE, Op.LACKS, Op.HAS):
        return None
    return Condition(condition.field, Op.HAS, key=condition.key)


def _contradict(left: Alternative, right: Alternative) -> bool:
    """Whether no run can meet both alternatives."""
    return any(_excludes(one, other) or _excludes(other, one) for one in left for other in right)


def _excludes(one: Condition, other: Condition) -> bool:
    """Whether no run can meet both conditions.

    ``lacks name`` excludes ``name = 'a'``; ``name = 'a'`` excludes ``name = 'b'``, ``name != 'a'``
    and ``name starts with 'b'``.
    """
    if (one.field, one.key) != (other.field, other.key):
        return False
    if one.op is Op.LACKS:
        return other.op not in (Op.LACKS, Op.NE)
    if one.op is not Op.EQ:
        return False
    if other.op is Op.NE:
        return one.value == other.value
    return other.op in (Op.EQ, Op.STARTS_WITH, Op.CONTAINS) and _is_false_for(other, one.value)


def describe(superset: Superset) -> str:
    """Describe a superset for the log."""
    if not superset:
        return "nothing"
    alternatives = [
        " and ".join(map(_text, alternative)) or "every run" for alternative in superset
    ]
    return alternatives[0] if len(alternatives) == 1 else f"({') or ('.join(alternatives)})"


def _text(condition: Condition) -> str:
    field = condition.field if condition.key is None else f"{condition.field}[{condition.key!r}]"
    if condition.op in (Op.HAS, Op.LACKS):
        return f"{condition.op.value} {field}"
    value = condition.value
    shown = value.isoformat() if isinstance(value, datetime) else repr(value)
    return f"{field} {condition.op.value} {shown}"
