"""The base classes have defaults for all optional members, and layers pass all members on."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.exceptions import ComputeTargetException
from amlflow.layers.layer import Layer
from amlflow.spec import (
    ClusterBase,
    ClusterWork,
    Compute,
    ComputeBase,
    KnownLimit,
    ModelRegistry,
    QuickSearch,
    RunDraft,
    RunQuery,
    RunRecord,
    Tracker,
    TrackerBase,
    Unsupported,
    Work,
    make_record,
)
from amlflow.testing.memory import MemoryTracker

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


class Smallest(TrackerBase):
    """Only what has no default; each test gives what it needs."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        assert query.experiment_ids is not None
        [experiment_id] = query.experiment_ids
        times = {"b": 1, "c": 2, "a": 1} if experiment_id == "1" else {"d": 1}
        for run_id, day in times.items():
            yield make_run(run_id, experiment_id, day)


def not_called(*arguments: Any) -> None:
    raise AssertionError


for _name in Smallest.__abstractmethods__:
    setattr(Smallest, _name, not_called)
Smallest.__abstractmethods__ = frozenset()


def make_run(run_id: str, experiment_id: str = "1", day: int = 1) -> RunRecord:
    created = NOW + timedelta(days=day)
    return RunRecord(id=run_id, experiment_id=experiment_id, status="Running", created=created)


def members(*classes: type) -> set[str]:
    return {name for each in classes for name in vars(each) if not name.startswith("_")}


def test_what_has_a_default_may_be_left_out() -> None:
    tracker = Smallest("mine://me:secret@host")
    run = make_run("a")
    assert tracker.uri == "mine://me:secret@host"
    assert tracker.features == frozenset()
    assert tracker.known_limits == ()
    assert tracker.own_paths() == ()
    assert tracker.run_link(run) == tracker.experiment_link("1") == "mine://host"
    assert tracker.count_runs(RunQuery()) is None
    assert tracker.first_runs(RunQuery(), "name", False) is None
    assert tracker.field_values(RunQuery(), ["id"]) is None
    tracker.check_name("any name")
    for method in (tracker.delete_run, tracker.restore_run):
        with pytest.raises(Unsupported, match="mine://host cannot delete a run") as caught:
            method("a")
        assert "secret" not in str(caught.value)


def test_the_default_counts_the_runs_before() -> None:
    runs = [make_run("c", "1", 2), make_run("d", "2"), make_run("a"), make_run("b")]
    assert Smallest("mine:x").run_numbers(runs) == [3, 1, 1, 2]


def test_what_has_no_default_is_named() -> None:
    class Unfinished(TrackerBase):
        pass

    with pytest.raises(TypeError, match="find_runs"):
        Unfinished("mine:x")  # type: ignore[abstract]


def test_a_compute_target_has_defaults() -> None:
    class Small(ComputeBase):
        start = clean = not_called

    compute: Compute = Small()
    assert compute.max_runs is None
    compute.check(Work(name="a", command=[], is_script=True, folder=None, output=None))  # type: ignore[arg-type]
    compute.check(Work(name="a", command=[], is_script=True, folder=None, output=None, image="b"))  # type: ignore[arg-type]
    assert compute.known_limits == ()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(members(Tracker, ModelRegistry, QuickSearch, TrackerBase)))
def test_a_layer_passes_each_member_on(name: str) -> None:
    assert name in vars(Layer) or name in vars(Layer(MemoryTracker()))


class Old:
    """A tracker of a plugin that has no base class and was written before some methods existed."""

    uri, features = "old:x", frozenset({"a feature of tomorrow"})


def test_a_layer_adds_the_defaults_to_a_tracker_without_base_class() -> None:
    layer = Layer(Old())  # type: ignore[arg-type]
    assert layer.own_paths() == ()
    with pytest.raises(Unsupported, match="old:x"):
        layer.delete_run("a")
    assert layer.known_limits == ()
    assert layer.count_runs(RunQuery()) is None
    assert layer.features == {"a feature of tomorrow"}


def test_a_layer_passes_known_limits_on() -> None:
    limit = KnownLimit(switch="folds-names", reason="its database does")
    tracker = MemoryTracker()
    tracker.known_limits = [limit]
    assert Layer(Layer(tracker)).known_limits == [limit]


def test_only_optional_members_are_not_abstract() -> None:
    optional = members(Tracker) - Tracker.__abstractmethods__
    assert optional == {"delete_run", "find_experiment", "own_paths", "restore_run"}
    assert all(inspect.isabstract(each) for each in (Tracker, Compute))


def test_a_record_without_fields_that_are_not_there() -> None:
    draft = make_record(RunDraft, experiment_id="1", created=NOW, priority="of tomorrow")
    assert draft == RunDraft(experiment_id="1", created=NOW)
    with pytest.raises(TypeError, match="created"):
        make_record(RunDraft, experiment_id="1")


def test_a_cluster_needs_three_methods() -> None:
    class Small(ClusterBase):
        submit = look = cancel = not_called

    cluster = Small()
    work = ClusterWork(name="a", python="python", arguments=[])
    cluster.check(work, "")
    with pytest.raises(ComputeTargetException, match="asks for the image 'b', which"):
        cluster.check(dataclasses.replace(work, image="b"), "")
    assert (cluster.identify(), cluster.describe(), cluster.is_distributed) == ("", None, False)
