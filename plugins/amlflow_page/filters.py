"""Parses requests of the All runs page: which runs are wanted, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.query.expression import Expression
from amlflow.query.orders import DEFAULT_TARGET, KEYED, METRICS, target
from amlflow.query.pages import is_filter
from amlflow.query.words import word_test
from amlflow.spec import Condition, Op, RunRecord
from amlflow.tracker_data import Malformed, is_whole, show_value, to_whole

from amlflow_page.changes import Changed

GROUPED = ("status", "experiment", "submitter", "target")
"""The columns without a key by which runs can be grouped."""
MAX_TEXT = 10_000
"""The most characters of a query, or of another text in a request."""
MAX_NESTED = 2
"""The most groups that may be nested."""
MAX_TEXTS = 1000
"""The most values of one filter."""


class WrongRequest(UserErrorException):
    """An error: the request does not have the form that its route needs."""

    status_code = 400


@dataclass(frozen=True, slots=True)
class Group:
    """The runs with one value of a column. With ``has`` false, the runs without a value.

    ``column`` is one of :data:`GROUPED`, or ``tag:KEY``, ``property:KEY`` or ``param:KEY``. For a
    tag without a value, ``has`` is true and ``value`` is None.
    """

    column: str
    value: str | None = None
    has: bool = True

    @staticmethod
    def from_request(request: Mapping[str, Any]) -> tuple[Group, ...]:
        """Parse the groups of a request; each is nested in the one before it.

        Raises :class:`WrongRequest`.
        """
        value = request.get("in_group")
        groups = [] if value is None else value if isinstance(value, list) else [value]
        if len(groups) > MAX_NESTED:
            raise WrongRequest(f"'in_group' has {len(groups)} groups, and may have {MAX_NESTED}.")
        return tuple(Group._parse(group) for group in groups)

    @staticmethod
    def _parse(group: object) -> Group:
        if not isinstance(group, dict):
            raise WrongRequest(f"'in_group' has groups, and {show_value(group)} is not an object.")
        column, value = group_column_of(group, "column"), group.get("value")
        if value is not None and not isinstance(value, str):
            raise WrongRequest(f"A group's value is a text or null, and not {show_value(value)}.")
        return Group(column, value, group.get("has") is not False)

    def may_be_in(self, experiment: str) -> bool:
        """Return whether an experiment of this name may have runs of the group."""
        return self.column != "experiment" or self.value == experiment

    def conditions(self) -> list[Condition]:
        """Return the conditions a tracker can search by; :func:`group_entry` tests the rest."""
        kind, _, key = self.column.partition(":")
        if key:
            if not self.has:
                return [Condition(KEYED[kind], Op.LACKS, key=key)]
            return [Condition(KEYED[kind], Op.EQ, self.value, key=key)]
        if kind == "status" and self.value is not None:
            return [Condition("status", Op.EQ, self.value)]
        if kind == "target" and self.value not in (None, DEFAULT_TARGET):
            return [Condition("system", Op.EQ, self.value, key="target")]
        return []


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters over the list. An empty filter lets every run pass.

    A tag is ``key`` or ``key=value``. Each word of ``text`` is searched for in names, descriptions,
    tags, ids, and names of experiments and submitters; upper and lower case are the same.
    ``parent`` is a run's id: only its children pass. With ``groups``, only runs that are in each of
    the groups pass.
    """

    text: str = ""
    experiments: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    submitters: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    children: bool = False
    parent: str = ""
    groups: tuple[Group, ...] = ()
    changed: Changed | None = None

    @staticmethod
    def from_request(request: Mapping[str, Any]) -> Filters:
        """Parse the filters of a request. Raises :class:`WrongRequest`."""
        return Filters(
            text=text_of(request, "text").strip(),
            experiments=texts_of(request, "experiments"),
            statuses=texts_of(request, "statuses"),
            targets=texts_of(request, "targets"),
            submitters=texts_of(request, "submitters"),
            tags=texts_of(request, "tags"),
            children=request.get("children") is True,
            parent=text_of(request, "parent"),
            groups=Group.from_request(request),
            changed=changed_of(request.get("changed")),
        )

    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions that a tracker can search by; :meth:`keep` tests the rest."""
        conditions = []
        if self.parent:
            conditions.append(Condition("parent_id", Op.EQ, self.parent))
        elif not self.children:
            conditions.append(Condition("parent_id", Op.LACKS))
        for group in self.groups:
            conditions += group.conditions()
        for tag in self.tags:
            key, equals, value = tag.partition("=")
            if equals:
                conditions.append(Condition("tags", Op.EQ, value, key=key))
            else:
                conditions.append(Condition("tags", Op.HAS, key=key))
        if len(self.statuses) == 1:
            conditions.append(Condition("status", Op.EQ, self.statuses[0]))
        if len(self.targets) == 1 and self.targets[0] != DEFAULT_TARGET:
            conditions.append(Condition("system", Op.EQ, self.targets[0], key="target"))
        if self.changed is not None:
            conditions += self.changed.conditions()
        return tuple(conditions)

    @property
    def need_status_alone(self) -> bool:
        """Return whether :meth:`conditions` and a run's status tell whether the run passes."""
        by_text = self.text or self.submitters or self.targets or self.changed is not None
        columns = [group.column for group in self.groups]
        return not by_text and all(":" in item or item == "experiment" for item in columns)

    def keep(self, experiments: Mapping[str, str]) -> Callable[[RunRecord], bool]:
        """Return a function that tells whether a run passes the filters.

        ``experiments`` has the names of the experiments by id.
        """
        has_words = word_test(self.text, experiments)
        entries = [(group, group_entry(group.column, experiments)) for group in self.groups]

        def is_kept(record: RunRecord) -> bool:
            return (
                (not self.statuses or record.status in self.statuses)
                and (not self.targets or target(record) in self.targets)
                and (not self.submitters or (record.user or "") in self.submitters)
                and (self.changed is None or self.changed.holds(record))
                and has_words(record)
                and all(entry_of(record) == (group.has, group.value) for group, entry_of in entries)
            )

        return is_kept


def expression_of(request: Mapping[str, Any]) -> Expression | None:
    """Return the query of a request; None without one. Raises :class:`QueryError`."""
    text = text_of(request, "query").strip()
    return Expression(text) if text else None


def choice_of(request: Mapping[str, Any], act: str) -> Expression | None:
    """Return the query of a request that must choose runs; None without one.

    ``act`` says in the message what cannot be done with any other query, such as ``grouped``.
    Raises :class:`QueryError` and :class:`WrongRequest`.
    """
    expression = expression_of(request)
    if expression is not None and not is_filter(expression):
        raise WrongRequest(f"Runs can be {act} if the query chooses runs, as [?…] does.")
    return expression


def group_column_of(request: Mapping[str, Any], key: str) -> str:
    """Return the column by which a request groups runs. Raises :class:`WrongRequest`."""
    column = text_of(request, key)
    kind, _, name = column.partition(":")
    if not (column in GROUPED or (name and kind in KEYED and kind not in METRICS)):
        raise WrongRequest(
            f"{column!r} is not a column to group by; these are: {', '.join(GROUPED)}, and "
            "tag:KEY, property:KEY and param:KEY."
        )
    return column


def group_entry(
    column: str, experiments: Mapping[str, str]
) -> Callable[[RunRecord], tuple[bool, str | None]]:
    """Return a function that returns whether a run has a value of the column, and the value."""
    kind, _, key = column.partition(":")
    if key:
        field = KEYED[kind]

        def entry_of(record: RunRecord) -> tuple[bool, str | None]:
            values: Mapping[str, str | None] = getattr(record, field)
            return key in values, values.get(key)

        return entry_of
    value_of: dict[str, Callable[[RunRecord], str | None]] = {
        "status": lambda record: record.status,
        "experiment": lambda record: experiments.get(record.experiment_id),
        "submitter": lambda record: record.user or None,
        "target": target,
    }
    read = value_of[kind]

    def value_entry(record: RunRecord) -> tuple[bool, str | None]:
        value = read(record)
        return value is not None, value

    return value_entry


def changed_of(value: object) -> Changed | None:
    """Parse a request's ``kind`` and ``since`` of changes. Raises :class:`WrongRequest`."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise WrongRequest(f"'changed' has a kind and a time, and is not {show_value(value)}.")
    try:
        return Changed.parse(value.get("kind"), value.get("since"))
    except Malformed as wrong:
        raise WrongRequest(f"'changed' should be {wrong}.") from None


def value_of(request: Mapping[str, Any], key: str, absent: Any) -> Any:
    """Return a value of a request, or ``absent`` if it is missing or null."""
    value = request.get(key)
    return absent if value is None else value


def text_of(request: Mapping[str, Any], key: str) -> str:
    """Return a text of a request, "" if it is missing. Raises :class:`WrongRequest`."""
    value = value_of(request, key, "")
    if not isinstance(value, str):
        raise WrongRequest(f"{key!r} is a text, and {show_value(value)} is not.")
    if len(value) > MAX_TEXT:
        raise WrongRequest(f"{key!r} has {len(value)} characters, and may have {MAX_TEXT}.")
    return value


def texts_of(request: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts of a request's list, () if it is missing. Raises :class:`WrongRequest`."""
    value = value_of(request, key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise WrongRequest(f"{key!r} is a list of texts, and {show_value(value)} is not.")
    if len(value) > MAX_TEXTS:
        raise WrongRequest(f"{key!r} has {len(value)} texts, and may have {MAX_TEXTS}.")
    return tuple(value)


def some_texts_of(request: Mapping[str, Any], key: str, most: int) -> list[str]:
    """Return 1 to ``most`` texts of a request's list. Raises :class:`WrongRequest`."""
    value = request.get(key)
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= most
        or not all(isinstance(text, str) for text in value)
    ):
        raise WrongRequest(f"{key!r} is a list of 1 to {most} texts, and not {show_value(value)}.")
    return value


def number_of(request: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    """Return a whole number of a request. Raises :class:`WrongRequest`."""
    value = request.get(key, default)
    if not is_whole(value) or not least <= value <= most:
        raise WrongRequest(
            f"{key!r} is a number from {least} to {most}, and not {show_value(value)}."
        )
    return value


def argument_of(query: Mapping[str, str], key: str, default: int) -> int:
    """Return a whole number of the query in an address. Raises :class:`WrongRequest`."""
    try:
        return to_whole(query.get(key, str(default)))
    except Malformed as wrong:
        raise WrongRequest(f"{key!r} should be {wrong}.") from None
