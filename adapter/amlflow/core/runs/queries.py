"""Queries of runs: ``Experiment.query`` and ``Workspace.query``, which v1 does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlflow.core.listing import Listing, of_json
from amlflow.core.runs.listing import RUNS
from amlflow.core.runs.run import Run, run_of
from amlflow.core.store import ExperimentBase, WorkspaceBase, tracker_of
from amlflow.spec import Condition, Op, RunRecord


def query_runs(
    workspace: WorkspaceBase,
    experiments: Sequence[ExperimentBase],
    expression: str,
    include_children: bool,
    text: str | None,
    order_by: str | None,
) -> Any:
    """Evaluate a JMESPath expression on the runs of experiments.

    :meth:`amlflow.core.experiment.Experiment.query` describes the arguments and the result.
    """
    # Imported here, because these modules need jmespath, which takes time to import.
    from amlflow.query import known_keys
    from amlflow.query.ask import ask
    from amlflow.query.expression import Expression
    from amlflow.query.listing import list_sorted, narrow
    from amlflow.query.search import Scope
    from amlflow.query.words import word_test

    by_id = {experiment.id: experiment for experiment in experiments}
    names = {experiment.id: experiment.name for experiment in experiments}

    def open_run(record: RunRecord) -> Run:
        return run_of(by_id[record.experiment_id], record)

    conditions = [] if include_children else [Condition("parent_id", Op.LACKS)]
    tracker, query = tracker_of(workspace), Expression(expression)
    scope = Scope(tracker, names, conditions)
    has_words = word_test(text or "", names)
    if order_by is not None:
        records = list_sorted(scope, query, has_words, order_by)
        known_keys.warn(query, tracker, names, records)
        return Listing([open_run(record) for record in records], RUNS)
    value = ask(query, narrow(scope, has_words) if text else scope).runs(open_run)
    known_keys.warn(query, tracker, names, value)
    if not isinstance(value, list):
        return value
    is_runs = value and all(isinstance(item, Run) for item in value)
    return Listing(value, RUNS) if is_runs else of_json(value)
