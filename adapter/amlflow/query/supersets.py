"""Which runs an expression can be true, false or an error for, as far as conditions can say.

Each answer is a superset, so a tracker that finds those runs finds every run that matters.
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
"""Alternatives are searches; more of them than this cost more than they save."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The runs for which an expression may be true, may be false and may raise an error."""

    true: Superset = EVERY
    false: Superset = EVERY
    error: Superset = NO


def either(*supersets: Superset) -> Superset:
    """Runs in any of the supersets."""
    return _reduced(alternative for superset in supersets for alternative in superset)


def both(left: Superset, right: Superset) -> Superset:
    """Runs in both supersets."""
    pairs = (
        _without_implied(tuple(dict.fromkeys((*one, *other))))
        for one in left
        for other in right
        if not _contradictory(one, other)
    )
    return _reduced(pairs)


def _without_implied(alternative: Alternative) -> Alternative:
    return tuple(
        condition
        for condition in alternative
        if not any(_implies(other, condition) for other in alternative)
    )


def _implies(one: Condition, other: Condition) -> bool:
    """Whether what is there under the first makes it sure that it is there, or not that value."""
    if (one.field, one.key) != (other.field, other.key) or one.op in (Op.NE, Op.HAS, Op.LACKS):
        return False
    return other.op is Op.HAS or (other.op is Op.NE and _excludes_value(one, other.value))


def _excludes_value(condition: Condition, value: Any) -> bool:
    """Whether the condition is false where the field has the value."""
    if condition.op is Op.EQ:
        return bool(condition.value != value)
    if condition.op in (Op.STARTS_WITH, Op.CONTAINS):
        if not isinstance(value, str):
            return True
        wanted = str(condition.value)
        return not (value.startswith(wanted) if condition.op is Op.STARTS_WITH else wanted in value)
    return False


def _reduced(alternatives: Iterable[Alternative]) -> Superset:
    kept: list[Alternative] = []
    for alternative in alternatives:
        if any(set(other) <= _asked(alternative).keys() for other in kept):
            continue
        kept = [other for other in kept if not set(alternative) <= _asked(other).keys()]
        kept.append(alternative)
    if len(kept) <= MAX_ALTERNATIVES:
        return tuple(kept)
    return (_common(kept),)


def _common(alternatives: Sequence[Alternative]) -> Alternative:
    """What all alternatives ask for."""
    asked = [_asked(each) for each in alternatives]
    return tuple(condition for condition in asked[0] if all(condition in each for each in asked))


def _asked(alternative: Alternative) -> dict[Condition, None]:
    """The conditions and what they imply, in their order."""
    implied = (_weaker(condition) for condition in alternative)
    return dict.fromkeys((*alternative, *(each for each in implied if each is not None)))


def _weaker(condition: Condition) -> Condition | None:
    """That the field is there, where the condition says more."""
    if condition.op in (Op.NE, Op.LACKS, Op.HAS):
        return None
    return Condition(condition.field, Op.HAS, key=condition.key)


def _contradictory(left: Alternative, right: Alternative) -> bool:
    return any(_excludes(one, other) or _excludes(other, one) for one in left for other in right)


def _excludes(one: Condition, other: Condition) -> bool:
    if (one.field, one.key) != (other.field, other.key):
        return False
    if one.op is Op.LACKS:
        return other.op not in (Op.LACKS, Op.NE)
    if one.op is not Op.EQ:
        return False
    if other.op is Op.NE:
        return one.value == other.value
    return other.op in (Op.EQ, Op.STARTS_WITH, Op.CONTAINS) and _excludes_value(other, one.value)


def described(superset: Superset) -> str:
    """The superset as a text for the log."""
    if not superset:
        return "nothing"
    alternatives = [" and ".join(map(_text, each)) or "every run" for each in superset]
    return alternatives[0] if len(alternatives) == 1 else f"({') or ('.join(alternatives)})"


def _text(condition: Condition) -> str:
    field = condition.field if condition.key is None else f"{condition.field}[{condition.key!r}]"
    if condition.op in (Op.HAS, Op.LACKS):
        return f"{condition.op.value} {field}"
    value = condition.value
    shown = value.isoformat() if isinstance(value, datetime) else repr(value)
    return f"{field} {condition.op.value} {shown}"
