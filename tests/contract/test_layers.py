"""Layers stand in for what a tracker lacks, and for nothing else."""

from __future__ import annotations

import dataclasses
import sys
import time
from datetime import datetime, timezone
from types import ModuleType

import pytest
import sentences
from amlflow import plugins
from amlflow.core.experiment import Experiment
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.workspace import Workspace
from amlflow.layers import stack
from amlflow.layers.layer import Layer
from amlflow.layers.metrics import MetricsLayer
from amlflow.layers.search import SearchLayer
from amlflow.layers.stack import LAYERS, add_layers, layers_for, open_layered
from amlflow.layers.statuses import Statuses
from amlflow.layers.write_once import WriteOnce
from amlflow.spec import (
    ExperimentChange,
    Feature,
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
    Unsupported,
    hookimpl,
)
from amlflow.testing.memory import MemoryTracker
from helpers.tracker_without_features import BareTracker
from mutant_runs import Mutant, run_suite
from test_mutants import escape

EVERYTHING = frozenset(Feature)


def new_run(tracker: Tracker, **values: object) -> RunRecord:
    experiment = tracker.ensure_experiment("layers")
    draft = RunDraft(experiment_id=experiment.id, created=datetime.now(timezone.utc))
    [run] = tracker.create_runs([dataclasses.replace(draft, **values)])  # type: ignore[arg-type]
    return run


def test_a_tracker_that_claims_all_has_no_layer() -> None:
    assert list(layers_for(EVERYTHING)) == []
    tracker = MemoryTracker()
    assert add_layers(tracker) is tracker


@pytest.mark.parametrize("feature", LAYERS)
def test_what_is_not_claimed_has_its_layer_and_the_reason(feature: Feature) -> None:
    found = dict(layers_for(EVERYTHING - {feature}))
    assert repr(feature.value) in found.pop(LAYERS[feature])
    # What a layer keeps among a run's notes, the tracker neither searches nor reads metrics beside.
    keeps = feature in (Feature.WRITE_ONCE, Feature.NESTING, Feature.CANCEL)
    assert set(found) == ({SearchLayer, MetricsLayer} if keeps else set())


def test_search_alone() -> None:
    [(layer, reason)] = layers_for(EVERYTHING - {Feature.SEARCH})
    assert layer is SearchLayer
    assert "search by tags and properties" in reason


class Dying(BareTracker):
    """A tracker that goes away just before a run is changed."""

    away = False

    def update_run(self, run_id: str, change: RunChange) -> None:
        if self.away:
            raise Unavailable("gone")
        super().update_run(run_id, change)


def test_a_property_of_a_writer_that_died_is_kept() -> None:
    inner = Dying()
    run = new_run(add_layers(inner))
    inner.away = True
    with pytest.raises(Unavailable):
        add_layers(inner).update_run(run.id, RunChange(properties={"author": "me"}))
    inner.away = False
    other = add_layers(inner)
    assert other.get_run(run.id).properties == {}
    with pytest.raises(PropertyConflict) as caught:
        other.update_run(run.id, RunChange(properties={"author": "you", "x": "y"}))
    assert (caught.value.kept, caught.value.refused) == ("me", "you")
    assert other.get_run(run.id).properties == {"author": "me"}


def test_a_change_that_the_tracker_refuses_decides_nothing() -> None:
    class Short(BareTracker):
        def create_runs(self, drafts):  # type: ignore[no-untyped-def]
            if any(len(value or "") > 10 for draft in drafts for value in draft.tags.values()):
                raise Refused("too long")
            return super().create_runs(drafts)

    tracker = add_layers(Short())
    run = new_run(tracker)
    with pytest.raises(Refused, match="too long"):
        tracker.update_run(run.id, RunChange(properties={"a": "1"}, tags={"t": "v" * 11}))
    tracker.update_run(run.id, RunChange(properties={"a": "2"}))
    assert tracker.get_run(run.id).properties == {"a": "2"}


def test_the_log_of_properties_is_out_of_sight() -> None:
    inner = BareTracker()
    tracker = add_layers(inner)
    run = new_run(tracker)
    for n in range(3):
        tracker.update_run(run.id, RunChange(properties={f"key {n}": "x"}))
    assert [each.name for each in tracker.list_experiments()] == ["layers"]
    assert [each.id for each in tracker.find_runs(RunQuery())] == [run.id]
    assert tracker.run_numbers([run]) == [1]
    assert tracker.get_run(run.id).system == {}
    assert len(inner._runs) == 4


def test_a_tag_of_amlflows_own_is_refused() -> None:
    tracker = add_layers(BareTracker())
    experiment = tracker.ensure_experiment("layers")
    with pytest.raises(Refused, match=r"amlflow\.archived"):
        tracker.update_experiment(experiment.id, ExperimentChange(tags={"amlflow.archived": "x"}))


def test_a_tracker_of_one_process(monkeypatch: pytest.MonkeyPatch, folder: object) -> None:
    """It has no journal, since it dies with the process, and no script can be submitted to it."""

    @hookimpl
    def amlflow_tracker(uri: str) -> Tracker | None:
        return MemoryTracker(uri) if uri == "memory://alone" else None

    module = ModuleType("alone")
    module.amlflow_tracker = amlflow_tracker  # type: ignore[attr-defined]
    manager = plugins.load_plugins().manager
    manager.register(module, name="alone")
    try:
        assert type(open_layered("memory://alone")) is Layer
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "memory://alone")
        experiment = Experiment(Workspace.from_config(), "layers")
        with pytest.raises(Unsupported, match="exists in this process only"):
            experiment.submit(ScriptRunConfig(source_directory=".", command=["true"]))
    finally:
        manager.unregister(module)
        stack._open_trackers = stack.OpenTrackers()


def test_the_end_of_a_process_without_a_journal_imports_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does the child of its fork, which calls the same function."""
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    monkeypatch.setattr(stack, "_open_direct", MemoryTracker)
    monkeypatch.delitem(sys.modules, "amlflow.layers.journaled", raising=False)
    trackers = stack.OpenTrackers()
    trackers.get_layered("memory://")
    trackers.finish()
    trackers.close()
    assert "amlflow.layers.journaled" not in sys.modules


class Unlogged(WriteOnce):
    """
    RunChange: Properties can be added but not changed: if a key already has another value, even if
        another process adds it at the same time, the whole change is a PropertyConflict.
    """

    def _append(self, *_: object) -> bool:
        return True


class Undone(Statuses):
    """
    transition: Any other status that comes later is ignored, and the rest of the change is applied.
    """

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if change.status == Status.CANCEL_REQUESTED:
            self.inner.update_run(run_id, RunChange(status=Status.RUNNING))


class Exact(SearchLayer):
    """
    find_runs: The runs that match a query, and no others, read from the tracker while you iterate.
    """

    def find_runs(self, query: RunQuery):  # type: ignore[no-untyped-def]
        return self.inner.find_runs(query)


class Slow(BareTracker):
    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        found = super().get_run(run_id, experiment_id)
        time.sleep(0.005)  # others come in between
        return found


@pytest.mark.parametrize("broken", [Unlogged, Undone, Exact])
def test_a_broken_layer_is_caught(broken: type[Layer], monkeypatch: pytest.MonkeyPatch) -> None:
    if broken.adds is Feature.SEARCH:
        monkeypatch.setattr(stack, "SearchLayer", broken)
    else:
        monkeypatch.setitem(LAYERS, broken.adds, broken)
    [sentence] = sentences.named(broken)
    [outcome] = run_suite([Mutant(lambda: add_layers(Slow()), sentence)])
    assert escape(outcome, sentence) == ""
