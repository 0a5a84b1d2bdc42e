"""Tests of a tracker whose store does not answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Feature,
    ModelChange,
    ModelDraft,
    RunChange,
    RunQuery,
    RunRecord,
    Tracker,
    Unavailable,
    is_tried_once,
    tried_once,
)
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.base import SuiteBase, new_point
from amlflow.testing.suites.cleaning import new_name

Outage = Callable[[], AbstractContextManager[object]]
"""A function that returns a context manager. Inside it, the tracker's store does not answer."""


class OutageTests(SuiteBase):
    """Tests that run if a subclass defines the fixture ``outage``."""

    @pytest.fixture
    def outage(self) -> Outage | None:
        """Return a function that makes the store unavailable; None if the suite cannot do that."""
        return None

    def test_a_store_that_does_not_answer(
        self,
        tracker: Tracker,
        experiment: ExperimentRecord,
        run: RunRecord,
        tmp_path: Path,
        outage: Outage | None,
    ) -> None:
        """
        Unavailable: The tracker did not answer or is busy; the same call may succeed later.
        tried_once: Inside it, this thread's calls raise Unavailable at the first failure.
        is_tried_once: Whether this call is made inside tried_once.
        check_name: Does not call a server.
        """
        if outage is None:
            pytest.skip(f"{NOT_CLAIMED}a store that can be made unavailable (fixture `outage`)")
        path = tmp_path / "file"
        path.write_text("x")
        digest = uuid.uuid4().hex * 2
        tracker.put_files(run.id, {"there": path})
        query = RunQuery(experiment_ids=[experiment.id])
        calls: dict[str, Callable[[], object]] = {
            "ensure_experiment": lambda: tracker.ensure_experiment(f"{experiment.name} new"),
            "get_experiment": lambda: tracker.get_experiment(experiment.id),
            "list_experiments": lambda: list(tracker.list_experiments()),
            "update_experiment": lambda: tracker.update_experiment(
                experiment.id, ExperimentChange(tags={"a": "b"})
            ),
            "create_runs": lambda: self.create_run(tracker, experiment, run_id="one"),
            "get_run": lambda: tracker.get_run(run.id),
            "find_runs": lambda: list(tracker.find_runs(query)),
            "run_numbers": lambda: tracker.run_numbers([run]),
            "update_run": lambda: tracker.update_run(
                run.id, RunChange(properties={"p": "x"}, tags={"t": "x"})
            ),
            "write_points": lambda: tracker.write_points(
                run.id, [new_point("m", 1.0), new_point("m", "text", order=1)]
            ),
            "read_points": lambda: tracker.read_points(run.id),
            "put_files": lambda: tracker.put_files(run.id, {"new": path}),
            "list_files": lambda: tracker.list_files(run.id),
            "get_file": lambda: tracker.get_file(run.id, "there", tmp_path / "back"),
            "put_snapshot": lambda: tracker.put_snapshot(digest, path),
            "has_snapshot": lambda: tracker.has_snapshot(digest),
            "get_snapshot": lambda: tracker.get_snapshot(digest, tmp_path / "back"),
            **self.deletions(tracker),
            **self.calls_of_models(tracker, path),
        }
        before = tracker.get_run(run.id)
        with outage(), tried_once():
            # is_tried_once: Whether this call
            assert is_tried_once()
            # check_name: Does not call
            tracker.check_name("loss")
            for name, call in calls.items():
                begun = time.monotonic()
                # Unavailable: The tracker did not answer
                with pytest.raises(Unavailable):
                    call()
                took = time.monotonic() - begun
                # tried_once: Inside it
                assert took < self.patience, f"{name} was tried for {took:.0f} s"
        # Unavailable: The tracker did not answer
        assert not (tmp_path / "back").exists()
        assert tracker.get_run(run.id) == before
        assert tracker.read_points(run.id) == []
        assert tracker.list_files(run.id) == ["there"]
        for name, call in calls.items():  # the store answers again, and the same calls succeed
            try:
                call()
            except Unavailable as error:
                raise AssertionError(f"{name} fails after the outage: {error.message}") from error
        record = tracker.get_run(run.id)
        assert (record.properties, record.tags) == ({"p": "x"}, {"t": "x"})
        assert [point.value for point in tracker.read_points(run.id)] == [1.0, "text"]
        assert tracker.list_files(run.id) == ["new", "there"]
        aliases = [run.alias for run in tracker.find_runs(query)]
        assert sorted(aliases, key=str) == [None, "one"]

    def deletions(self, tracker: Tracker) -> dict[str, Callable[[], object]]:
        """Create things, and return the calls that delete them, in this order."""
        empty, other = (tracker.ensure_experiment(new_name()) for _ in range(2))
        calls: dict[str, Callable[[], object]] = {
            "delete_experiment": lambda: tracker.delete_experiment(empty.id)
        }
        if Feature.DELETE in tracker.features:
            run = self.create_run(tracker, other)
            calls["delete_run"] = lambda: tracker.delete_run(run.id)
            calls["restore_run"] = lambda: tracker.restore_run(run.id)
        return calls

    def calls_of_models(self, tracker: Any, path: Path) -> dict[str, Callable[[], object]]:
        """Return calls of the model registry, in this order."""
        if Feature.MODELS not in tracker.features:
            return {}
        name = new_name("model")
        draft = ModelDraft(name=name, path="model", files={"model": path})
        tracker.register_model(draft)
        back = {"model": path.with_name("model")}
        return {
            "register_model": lambda: tracker.register_model(draft),
            "get_model": lambda: tracker.get_model(name, 1),
            "find_models": lambda: list(tracker.find_models()),
            "update_model": lambda: tracker.update_model(name, 1, ModelChange(tags={"t": "x"})),
            "list_model_files": lambda: tracker.list_model_files(name, 1),
            "get_model_files": lambda: tracker.get_model_files(name, 1, back),
            "delete_model": lambda: tracker.delete_model(name, 1),
        }
