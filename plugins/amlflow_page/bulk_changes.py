"""Changes to many runs at once: changes their tags, and finds those that a cancel would end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from amlflow.core.arguments import to_tag_keys, to_texts
from amlflow.core.runs.descendants import descendants
from amlflow.exceptions import AzureMLException
from amlflow.query.pages import find_all
from amlflow.spec import FINAL, RunChange, RunNotFound, RunRecord, Tracker

from amlflow_page.access import Access, ExperimentAccess, Forbidden
from amlflow_page.all_runs import scope_of
from amlflow_page.deadline import limit_time
from amlflow_page.filters import Filters, WrongRequest, choice_of, some_texts_of, value_of

MAX_TAGGED = 1000
"""The most runs whose tags one request changes."""
MAX_TAGS = 100
"""The most tags that one request sets, and the most that it removes."""
MAX_CANCELED = 1000
"""The most open runs that are found for a cancel."""
MAX_IDS = 200
"""The most runs that a request for a cancel with all children may name."""


def change_tags(
    tracker: Tracker, access: Access, request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Set the tags in ``set``, and remove the tags in ``remove``, for the runs ``run_ids``.

    Returns an outcome for each run: its ``id``, its ``error`` (null if the run was changed), and
    whether the change was ``forbidden``. Either all tags of a run change or none, if the tracker
    can do that.

    Raises:
        WrongRequest: the request is not well-formed.
        UserErrorException: a tag is not valid.
        Forbidden: the user may change none of the runs.
    """
    run_ids = some_texts_of(request, "run_ids", MAX_TAGGED)
    tags = to_texts(value_of(request, "set", {}), "'set'")
    removed = to_tag_keys(value_of(request, "remove", []), '{"remove": ["key"]}')
    if not tags and not removed:
        raise WrongRequest("'set' or 'remove' must name at least one tag.")
    if max(len(tags), len(removed)) > MAX_TAGS:
        raise WrongRequest(f"A request sets at most {MAX_TAGS} tags, and removes as many.")
    change = RunChange(tags=tags, tags_removed=removed)
    outcomes = [_change(tracker, access, run_id, change) for run_id in dict.fromkeys(run_ids)]
    if all(outcome["forbidden"] for outcome in outcomes):
        raise Forbidden(str(outcomes[0]["error"]))
    return outcomes


def _change(tracker: Tracker, access: Access, run_id: str, change: RunChange) -> dict[str, Any]:
    outcome: dict[str, Any] = {"id": run_id, "error": None, "forbidden": False}
    try:
        if not access.may_change(run_id):
            outcome["forbidden"] = True
            raise Forbidden(
                f"{access.user()!r} may not change run {run_id}: that takes MLflow's permission "
                "EDIT on its experiment."
            )
        tracker.update_run(run_id, change)
    except RunNotFound:  # its message tells where the server keeps runs
        outcome["error"] = f"Run {run_id!r} does not exist, or has been deleted."
    except AzureMLException as error:
        outcome["error"] = error.message
    return outcome


def open_matching(
    tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the open runs that pass the filters and the query, and that the user may change.

    An open run has not ended. ``runs`` has the ids, newest first, at most :data:`MAX_CANCELED`.
    ``more`` tells whether there are more. ``forbidden`` is the number of open runs that the user
    may not change. Raises the same errors as :func:`amlflow_page.all_runs.rows`.
    """
    filters = Filters.from_request(request)
    scope = scope_of(tracker, access, filters)
    expression = choice_of(request, "cancelled")
    keep = limit_time(filters.keep(scope.experiments))
    return _open_of(find_all(scope, expression, keep), access)


def open_below(tracker: Tracker, access: Access, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the open runs among ``run_ids`` and all their descendants.

    The result has the form of :func:`open_matching`.
    """
    run_ids = some_texts_of(request, "run_ids", MAX_IDS)
    return _open_of(_with_descendants(tracker, access, run_ids), access)


def _open_of(candidates: Iterable[RunRecord], access: ExperimentAccess) -> dict[str, Any]:
    may_change_in = functools.cache(access.may_change_in)
    permitted, forbidden = [], 0
    for record in candidates:
        if record.status in FINAL:
            continue
        if may_change_in(record.experiment_id):
            permitted.append(record.id)
            if len(permitted) > MAX_CANCELED:
                break
        else:
            forbidden += 1
    return {
        "runs": permitted[:MAX_CANCELED],
        "more": len(permitted) > MAX_CANCELED,
        "forbidden": forbidden,
    }


def _with_descendants(
    tracker: Tracker, access: Access, run_ids: Iterable[str]
) -> Iterator[RunRecord]:
    """Yield the runs and all their descendants, each once."""
    known = set[str]()
    for run_id in run_ids:
        if not access.may_read(run_id):
            raise Forbidden(f"{access.user()!r} may not read run {run_id!r}.")
        root = tracker.get_run(run_id)
        for record in itertools.chain([root], descendants(tracker, root)):
            if record.id not in known:
                known.add(record.id)
                yield record
