"""Commands on existing runs: list, show, tag, describe, and print metrics."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from amlflow.cli.checks import parse_count, parse_tag
from amlflow.cli.errors import Missing
from amlflow.cli.output import allows_colors
from amlflow.cli.queries import EXAMPLE, for_shells
from amlflow.cli.scope import Where
from amlflow.core.experiment import Experiment
from amlflow.core.runs.base import record_of
from amlflow.core.runs.run import Run
from amlflow.core.runs.status import RunStatus
from amlflow.core.store import tracker_of
from amlflow.exceptions import WrongUsage
from amlflow.query import known_keys
from amlflow.query.ask import ask, documents
from amlflow.query.expression import Expression
from amlflow.query.listing import list_sorted, narrow
from amlflow.query.search import Scope
from amlflow.query.shapes import metrics_in
from amlflow.query.words import word_test
from amlflow.spec import Condition, Op, RunQuery, RunRecord

logger = logging.getLogger("amlflow")

LAST = 10
"""How many runs are listed without a number and a query, as in v1."""


def list_runs(
    *,
    parent_run_id: str | None,
    last: str | None,
    compute_target_name: str | None,
    status: str | None,
    tags: list[str] | None,
    text: str | None,
    include_children: bool,
    all_experiments: bool,
    order_by: str | None,
    minimal: bool,
    query: Expression | None,
    **where: Any,
) -> Any:
    """``run list``: returns the documents of runs, or the result of a query on them."""
    scope = Where(**where)
    limit = None if last is None else parse_count("--last", last, "runs")
    conditions = _build_conditions(compute_target_name, status, tags)
    workspace = scope.workspace()
    if all_experiments and scope.experiment_name is not None:
        raise WrongUsage("Use either --all-experiments or --experiment-name, not both.")
    experiment = None if all_experiments else scope.experiment(workspace)
    if parent_run_id is not None:
        parent = scope.run(parent_run_id)
        experiment = parent.experiment
        conditions.append(Condition("parent_id", Op.EQ, record_of(parent).id))
    elif not include_children:
        conditions.append(Condition("parent_id", Op.LACKS))
    if experiment is None and not all_experiments and scope.named_experiment() is not None:
        return []
    experiments = [experiment] if experiment is not None else Experiment.list(workspace)
    names = {item.id: item.name for item in experiments}
    tracker = tracker_of(workspace)
    run_scope = Scope(tracker, names, tuple(conditions), limit)
    has_words = word_test(text or "", names)
    if order_by is not None:
        result: Any = _ordered(run_scope, query, has_words, order_by)
    elif query is None:
        result = _latest(narrow(run_scope, has_words) if text else run_scope, limit)
    else:
        run_scope = narrow(run_scope, has_words) if text else run_scope
        result = ask(query, run_scope).as_json()
        if query.use.words:  # these may be texts whose quotes a shell has removed
            logger.warning("%s", for_shells(EXAMPLE))
    if query is not None:
        known_keys.warn(query, tracker, names, result)
    return _shorten(result) if minimal else result


def _ordered(
    scope: Scope,
    query: Expression | None,
    has_words: Callable[[RunRecord], bool],
    order_by: str,
) -> list[dict[str, Any]]:
    """Return the documents of all runs of a query in an order. Without a query, of the first."""
    limit, scope = scope.limit_newest, replace(scope, limit_newest=None)
    if query is not None and limit is not None:
        raise WrongUsage(
            "--last cannot be used with both --order-by and a query. Leave --last out: the query "
            "chooses the runs."
        )
    count = LAST + 1 if query is None and limit is None else limit
    records = list_sorted(scope, query, has_words, order_by, count)
    if query is None and limit is None and len(records) > LAST:
        records.pop()
        logger.warning(
            "These are the first %d runs; there are more. --last N shows N, a query such as '[]' "
            "searches all.",
            LAST,
        )
    if query is None:
        return documents(records, scope)
    return documents(records, scope, metrics_in(query.tree), numbered=query.needs_numbers)


def _latest(scope: Scope, limit: int | None) -> list[dict[str, Any]]:
    """Return the documents of the latest runs. Without a number, say if there are more."""
    count = LAST + 1 if limit is None else limit
    search = RunQuery(
        experiment_ids=list(scope.experiments), conditions=scope.conditions, limit=count
    )
    records = list(itertools.islice(scope.tracker.find_runs(search), count))
    if limit is None and len(records) > LAST:
        records.pop()
        logger.warning(
            "These are the latest %d runs; there are more. --last N shows N, a query searches all.",
            LAST,
        )
    return documents(records, scope)


def _build_conditions(
    target: str | None, status: str | None, tags: list[str] | None
) -> list[Condition]:
    conditions = []
    if target is not None:
        conditions.append(Condition("system", Op.EQ, target, key="target"))
    if status is not None:
        if status not in RunStatus.list():
            raise WrongUsage(
                f"{status!r} is not a status of a run; it is one of {', '.join(RunStatus.list())}."
            )
        conditions.append(Condition("status", Op.EQ, status))
    for tag in tags or ():
        key, value = parse_tag("--tags", tag)
        if value is None:
            conditions.append(Condition("tags", Op.HAS, key=key))
        else:
            conditions.append(Condition("tags", Op.EQ, value, key=key))
    return conditions


_MINIMAL = {
    "RunId": "run_id",
    "RunType": "run_type",
    "Status": "status",
    "StartTime": "start_time_utc",
    "EndTime": "end_time_utc",
    "Target": "target",
    "Tags": "tags",
}


def _shorten(result: Any) -> Any:
    """Return v1's short form of documents. Other results of a query are not changed."""
    if isinstance(result, list):
        return [_shorten(item) for item in result]
    if isinstance(result, dict) and "run_id" in result and "status" in result:
        return {name: result[field] for name, field in _MINIMAL.items()}
    return result


def document(run: Run) -> dict[str, Any]:
    """Return the document of a run."""
    experiment = run.experiment
    scope = Scope(tracker_of(experiment), {experiment.id: experiment.name})
    return documents([record_of(run)], scope, numbered=True)[0]


def show(*, run_id: str, **where: Any) -> dict[str, Any]:
    """``run show``."""
    run = Where(**where).run(run_id)
    if record_of(run).deleted:
        logger.warning(
            "Run %s is deleted. `amlflow run restore -r %s` brings it back.", run.id, run.id
        )
    return document(run)


def delete_tag(*, run_id: str, key: list[str], **where: Any) -> dict[str, Any]:
    """``run delete-tag``."""
    run = Where(**where).run(run_id)
    missing_keys = [tag for tag in key if tag not in run.tags]
    if missing_keys:
        raise Missing(f"Run {run.id} does not have the tag {missing_keys[0]!r}.")
    run.remove_tags(key)
    return document(run)


def set_description(*, run_id: str, description: str, **where: Any) -> dict[str, Any]:
    """``run set-description``."""
    run = Where(**where).run(run_id)
    run.description = description
    return document(run)


def children(*, run_id: str, recursive: bool, **where: Any) -> list[dict[str, Any]]:
    """``run children``."""
    run = Where(**where).run(run_id)
    experiment = run.experiment
    scope = Scope(tracker_of(experiment), {experiment.id: experiment.name})
    return documents([record_of(child) for child in run.get_children(recursive)], scope)


def metrics(*, run_id: str, plot: bool, **where: Any) -> dict[str, Any] | None:
    """``run metrics``: returns the values. With ``--plot``, prints charts of series."""
    values = Where(**where).run(run_id).get_metrics()
    if not plot:
        return values
    from amlflow.cli.plot import plot as draw  # only charts need it

    print(draw(values, color=allows_colors()), end="")
    return None
