"""The properties with which amlflow makes the runs of a list. MLflow has them as tags or params."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.starting import draft_run
from amlflow.core.workspace import Workspace
from amlflow.spec import (
    Condition,
    Op,
    Order,
    PropertyConflict,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)

SNAPSHOT = "ContentSnapshotId"


@pytest.fixture
def experiment(any_store: str, folder: Path) -> Experiment:
    return Experiment(Workspace.from_config(), f"first-{uuid.uuid4().hex}")


def new_run(experiment: Experiment, digest: str | None) -> RunRecord:
    properties = {"other": "x", **({} if digest is None else {SNAPSHOT: digest})}
    other = Experiment(experiment.workspace, f"{experiment.name}-2")  # a list has several runs
    drafts = [draft_run(each, properties=properties, status=Status.QUEUED)
              for each in (experiment, other)]  # fmt: skip
    record, _ = experiment._tracker.create_runs(drafts)
    assert (record.status, record.properties) == (Status.QUEUED, properties)
    return record


def test_a_first_property_is_read_and_written_once(experiment: Experiment) -> None:
    tracker = experiment._tracker
    run = new_run(experiment, "b")
    stored = tracker.get_run(run.id)
    assert (stored.status, stored.properties) == (Status.QUEUED, {SNAPSHOT: "b", "other": "x"})
    tracker.update_run(run.id, RunChange(properties={SNAPSHOT: "b", "more": "y"}))
    with pytest.raises(PropertyConflict, match=r"'b'.*'c'"):
        tracker.update_run(run.id, RunChange(properties={SNAPSHOT: "c", "late": "z"}))
    assert tracker.get_run(run.id).properties == {SNAPSHOT: "b", "more": "y", "other": "x"}


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        (Op.EQ, "b", "bB"),
        (Op.NE, "b", "a-"),
        (Op.HAS, None, "abB"),
        (Op.LACKS, None, "-"),
        (Op.STARTS_WITH, "b", "bB"),
        (Op.CONTAINS, "a", "a"),
    ],
)
def test_runs_are_found_by_first_properties_of_both_forms(
    experiment: Experiment, op: Op, value: Any, found: str
) -> None:
    tracker = experiment._tracker
    ids = {name: new_run(experiment, name if name in "ab" else None).id for name in "abB-"}
    tracker.update_run(ids["B"], RunChange(properties={SNAPSHOT: "b"}))  # a param
    condition = Condition("properties", op, value, SNAPSHOT)
    query = RunQuery(experiment_ids=[experiment.id], conditions=[condition])
    assert {run.id for run in tracker.find_runs(query)} == {ids[name] for name in found}
    few = dataclasses.replace(query, fields=frozenset({f"properties.{SNAPSHOT}"}))
    expected = {ids[name]: None if name == "-" else name.lower() for name in found}
    assert {run.id: run.properties.get(SNAPSHOT) for run in tracker.find_runs(few)} == expected
    assert tracker.count_runs(query) in (None, len(found))


@pytest.mark.parametrize("descending", [False, True])
def test_runs_are_sorted_by_first_properties_of_both_forms(
    experiment: Experiment, descending: bool
) -> None:
    tracker: Tracker = experiment._tracker
    for digest in "ca":
        new_run(experiment, digest)
    run = new_run(experiment, None)
    tracker.update_run(run.id, RunChange(properties={SNAPSHOT: "b"}))
    order = Order("properties", key=SNAPSHOT, descending=descending)
    query = RunQuery(experiment_ids=[experiment.id], order=order)
    found = [run.properties[SNAPSHOT] for run in tracker.find_runs(query)]
    assert found == sorted("abc", reverse=descending)
