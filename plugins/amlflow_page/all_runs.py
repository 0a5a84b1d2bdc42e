"""The All runs page's rows: filters and a JMESPath expression over all experiments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from amlflow.query import known_keys
from amlflow.query.ask import ask
from amlflow.query.document import FIELDS, Documents
from amlflow.query.expression import Expression, QueryError
from amlflow.query.known_keys import KnownKeys
from amlflow.query.listing import NEWEST_FIRST, is_native_order, list_page, narrow
from amlflow.query.orders import DEFAULT_TARGET, metric_fields
from amlflow.query.pages import Page, is_filter, read_page
from amlflow.query.run_filter import is_one_search
from amlflow.query.search import Scope
from amlflow.spec import FINAL, RunRecord, Status, Tracker
from amlflow.tracker_data import show_value

from amlflow_page.access import ExperimentAccess
from amlflow_page.changes import KINDS
from amlflow_page.child_counts import count_children
from amlflow_page.deadline import limit_time
from amlflow_page.failures import group, reason
from amlflow_page.filters import (
    Filters,
    WrongRequest,
    changed_of,
    expression_of,
    number_of,
    text_of,
    texts_of,
)
from amlflow_page.own_experiments import OWN

ROWS = 50
MAX_ROWS = 200
MAX_FAILURES = 2000
MAX_CHANGED = 1000
"""The most changes of one kind that are counted."""
MAX_KEYS = 1000
MAX_VALUES = 1000
"""The most items of an expression's value that are sent."""
ROW = (*FIELDS, "error_line")
"""All fields that a row can have. Every row has ``id`` and ``final`` as well."""
NOT_LISTED = frozenset({"error", "warnings"})
"""Fields that are never in the rows of a list: no column shows them, and parsing takes time."""
ON_REQUEST = {"script_name": {"script"}, "error_line": {"error", "status"}}
"""Fields that are in the rows of a list only if the request has one of these columns."""


def rows(tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of rows, or the value of an expression that does not choose runs.

    ``writable`` has the ids of the rows' experiments whose runs the user may change. With ``tree``
    in the request, each row has the number of its children by status.

    Raises:
        QueryError, QueryFailed: the expression does not parse, or fails on a run.
        WrongRequest: the request is not well-formed.
    """
    filters = Filters.from_request(request)
    scope = scope_of(tracker, access, filters)
    keep = limit_time(filters.keep(scope.experiments))
    expression = expression_of(request)
    columns = texts_of(request, "columns")
    if expression is not None and not is_filter(expression):
        return _value(expression, scope, keep, _listed_fields(columns))
    sort = text_of(request, "sort").removeprefix("-")
    scope = replace(scope, metrics=metric_fields([*columns, sort]))
    page = _page(scope, expression, keep, request)
    documents, fields = Documents(scope.experiments), _listed_fields(columns)
    rows = [{**row(documents, record, fields), **_numbers(record, columns)} for record in page.runs]
    if request.get("tree") is True:
        add_children(tracker, access, page.runs, rows)
    ids = {record.experiment_id for record in page.runs}
    return {
        "rows": rows,
        "cursor": page.cursor,
        "looked_at": page.looked_at,
        "writable": sorted(filter(access.may_change_in, ids)),
    }


def is_quick(tracker: Tracker, request: Mapping[str, Any]) -> bool:
    """Return whether the tracker's own search finds the page's runs, and no others.

    Any other request may read many runs that are then left out, which can take long.
    """
    sort = text_of(request, "sort") or NEWEST_FIRST
    expression = expression_of(request)
    if expression is not None and not (
        is_filter(expression) and is_one_search(expression.tree["children"][2])
    ):
        return False
    if request.get("cursor") is not None and sort != NEWEST_FIRST:  # pages before it may be read
        return False
    lists = [texts_of(request, key) for key in ("statuses", "targets")]
    return (
        not any(request.get(key) for key in ("tree", "changed", "in_group"))
        and not text_of(request, "text").strip()
        and not texts_of(request, "submitters")
        and all(len(values) <= 1 for values in lists)
        and DEFAULT_TARGET not in lists[1]
        and is_native_order(tracker, sort)
    )


def add_children(
    tracker: Tracker,
    access: ExperimentAccess,
    records: Sequence[RunRecord],
    rows: Sequence[dict[str, Any]],
) -> None:
    """Add ``children`` to the rows of runs: the number of children by status."""
    scope = scope_of(tracker, access, Filters())
    counts = count_children(tracker, scope.experiments, records)
    for record, content in zip(records, rows, strict=True):
        content["children"] = counts.get(record.id, {})


def failures(
    tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the reasons why runs that pass the filters failed, and how many failed runs were read.

    The ``groups`` are those of :func:`amlflow_page.failures.group`. ``looked_at`` is the number of
    failed runs that were read: at most the newest :data:`MAX_FAILURES`. The request's expression is
    ignored.

    Raises:
        WrongRequest: the request is not well-formed.
    """
    filters = replace(Filters.from_request(request), statuses=(Status.FAILED,))
    scope = scope_of(tracker, access, filters)
    page = read_page(scope, None, filters.keep(scope.experiments), MAX_FAILURES, None)
    return {"groups": group(page.runs), "looked_at": len(page.runs)}


def changes(
    tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Count the runs that pass the filters and have changed after the time ``since``, by kind.

    ``counts`` has a number for each of :data:`amlflow_page.changes.KINDS`, at most
    :data:`MAX_CHANGED`. ``now`` is the server's time: send it as the next request's ``since``.
    Without ``since``, ``counts`` is None. An expression that does not choose runs is ignored.
    Raises the same errors as :func:`rows`.
    """
    now = datetime.now(timezone.utc).isoformat()
    if request.get("since") is None:
        return {"now": now, "counts": None}
    expression = expression_of(request)
    if expression is not None and not is_filter(expression):
        expression = None
    counts = {}
    for kind in KINDS:
        changed = changed_of({"kind": kind, "since": request.get("since")})
        filters = replace(Filters.from_request(request), changed=changed)
        scope = scope_of(tracker, access, filters)
        keep = limit_time(filters.keep(scope.experiments))
        counts[kind] = len(read_page(scope, expression, keep, MAX_CHANGED, None).runs)
    return {"now": now, "counts": counts}


def keys(tracker: Tracker, access: ExperimentAccess) -> dict[str, list[str]]:
    """Return the keys of tags, properties and params and the names of metrics of the newest runs.

    They are those of :class:`amlflow.query.known_keys.KnownKeys`, from all experiments that the
    user may read.
    """
    known = KnownKeys.read(tracker, scope_of(tracker, access, Filters()).experiments)
    return {field: sorted(keys)[:MAX_KEYS] for field, keys in known.by_field.items()}


def unknown_keys(
    tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return ``doubts``: sentences about keys in a query that the newest runs do not have.

    A query that does not parse has none, since the route that checks it says what is wrong.
    """
    try:
        expression = expression_of(request)
    except QueryError:
        expression = None
    if expression is None:
        return {"doubts": []}
    experiments = scope_of(tracker, access, Filters()).experiments
    return {"doubts": known_keys.doubts(expression, tracker, experiments)}


def _listed_fields(columns: Sequence[str]) -> list[str]:
    """Return the fields that the rows of a list with these columns have."""
    unused = NOT_LISTED | {
        field for field, shown_in in ON_REQUEST.items() if shown_in.isdisjoint(columns)
    }
    return [field for field in ROW if field not in unused]


def _numbers(record: RunRecord, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the numbers that a row shows in its columns of metrics."""
    numbers: dict[str, dict[str, float]] = {}
    for path in metric_fields(columns):
        field, _, key = path.partition(".")
        values = getattr(record, field)
        if key in values:
            numbers.setdefault(field, {})[key] = values[key]
    return numbers


def scope_of(tracker: Tracker, access: ExperimentAccess, filters: Filters) -> Scope:
    """Return the filters' experiments that the user may read, and the conditions for their runs."""
    names = {
        experiment.id: experiment.name
        for experiment in tracker.list_experiments()
        if experiment.archived is None and experiment.name not in OWN
    }
    readable = access.readable(names)
    experiments = {
        key: name
        for key, name in names.items()
        if key in readable
        and (not filters.experiments or name in filters.experiments)
        and all(group.may_be_in(name) for group in filters.groups)
    }
    return Scope(tracker, experiments, filters.conditions())


def _page(
    scope: Scope,
    expression: Expression | None,
    keep: Callable[[RunRecord], bool],
    body: Mapping[str, Any],
) -> Page:
    size = number_of(body, "size", ROWS, 1, MAX_ROWS)
    cursor = body.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise WrongRequest(
            f"'cursor' must be the text that an earlier page gave, and not {show_value(cursor)}."
        )
    sort = text_of(body, "sort") or NEWEST_FIRST
    try:
        return list_page(scope, expression, keep, size, sort, cursor)
    except ValueError as error:
        raise WrongRequest(
            f"'cursor' must be the text that an earlier page gave: {error}"
        ) from error


def _value(
    expression: Expression,
    scope: Scope,
    keep: Callable[[RunRecord], bool],
    fields: Collection[str],
) -> dict[str, Any]:
    answer = ask(expression, narrow(scope, keep))
    documents = Documents(scope.experiments)
    value = answer.runs(lambda record: record)
    if isinstance(value, RunRecord):
        value = [value]
    if isinstance(value, list):
        total = len(value)
        value = value[:MAX_VALUES]
        if value and all(isinstance(item, RunRecord) for item in value):
            return {"rows": [row(documents, item, fields) for item in value], "total": total}
        return {"value": value, "total": total}
    return {"value": value}


def row(documents: Documents, record: RunRecord, fields: Collection[str] = ROW) -> dict[str, Any]:
    """Return a run's row with these of the fields in :data:`ROW`."""
    content = documents.make(record, [field for field in fields if field in FIELDS])
    content.update(id=record.id, final=record.status in FINAL)
    if "error_line" in fields:
        content["error_line"] = reason(record)
    return content
