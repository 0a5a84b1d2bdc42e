"""The runs below a run, found with few calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amlflow.spec import Condition, Op, RunQuery, RunRecord, Tracker


def children(
    tracker: Tracker, parent: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """Return the run's children that meet the conditions, newest first."""
    mine = Condition("parent_id", Op.EQ, parent.id)
    return tracker.find_runs(
        RunQuery(experiment_ids=[parent.experiment_id], conditions=[mine, *conditions])
    )


def descendants(
    tracker: Tracker, ancestor: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """Yield all runs below a run that meet the conditions, newest first.

    A run is below another one if its parents lead there. The root that a run names only limits what
    is read: the runs with the ancestor's root, and those without one, since other clients of the
    tracker nest runs without naming a root. Anybody who may edit a run can change its root. So if a
    child of the ancestor, or the parent of a run with the ancestor's root, is not among these, all
    nested runs of the experiment are read. The number of searches does not grow with the number of
    runs. A run that is not a child, and below which no run has the ancestor's root, is not found
    after its root was changed.
    """
    root_id = ancestor.root_id if ancestor.parent_id else ancestor.id
    runs = {run.id: run for run in _nested(tracker, ancestor, Condition("root_id", Op.LACKS))}
    if root_id is not None:
        for run in _nested(tracker, ancestor, Condition("root_id", Op.EQ, root_id)):
            runs[run.id] = run
    known = {*runs, ancestor.id, root_id}
    if any(child.id not in known for child in children(tracker, ancestor)) or any(
        run.parent_id not in known for run in runs.values() if run.root_id is not None
    ):
        runs = {run.id: run for run in _nested(tracker, ancestor)}
    below: dict[str | None, list[RunRecord]] = {}
    for run in runs.values():
        below.setdefault(run.parent_id, []).append(run)
    family, front = {ancestor.id}, [ancestor.id]
    while front:
        for run in below.get(front.pop(), ()):
            if run.id not in family:
                family.add(run.id)
                front.append(run.id)
    family.remove(ancestor.id)
    for run in sorted(runs.values(), key=lambda run: run.created, reverse=True):
        if run.id in family and all(condition.holds(run) for condition in conditions):
            yield run


def _nested(tracker: Tracker, ancestor: RunRecord, *conditions: Condition) -> Iterator[RunRecord]:
    """Return the nested runs of a run's experiment that meet the conditions."""
    has_parent = Condition("parent_id", Op.HAS)
    return tracker.find_runs(
        RunQuery(experiment_ids=[ancestor.experiment_id], conditions=[has_parent, *conditions])
    )
