"""The suite takes away what it has made in a tracker that outlives it, and says what it cannot."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from amlflow.spec import ModelDraft, RunDraft
from amlflow.testing.suites.cleaning import MARK, clean, new_name, outlives
from helpers.shared_tracker import SharedTracker

SUITE = """
import pytest
from amlflow.testing.suites.values import ValueTests
from helpers.shared_tracker import SharedTracker

class TestShared(ValueTests):
    @pytest.fixture
    def tracker(self):
        return SharedTracker({uri!r})

class TestThrownAway(TestShared):
    cleans_up = False
"""


@pytest.fixture
def tracker(tmp_path: Path) -> SharedTracker:
    return SharedTracker(f"shared:{tmp_path}/store")


def test_models_and_empty_experiments_are_deleted_and_the_others_archived(
    tracker: SharedTracker, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    tracker.ensure_experiment(new_name())
    used = tracker.ensure_experiment(new_name())
    tracker.create_runs([RunDraft(experiment_id=used.id, created=datetime.now(timezone.utc))])
    foreign = tracker.ensure_experiment("somebody's")
    for name in (new_name("model"), "somebody's"):
        tracker.register_model(ModelDraft(name=name, path="a", files={"a": path}))
    left = clean(tracker)
    assert {each.id: each.archived is None for each in tracker.list_experiments()} == {
        foreign.id: True,
        used.id: False,
    }
    assert [model.name for model in tracker.find_models()] == ["somebody's"]
    assert left.startswith("1 archived experiments with their runs")
    assert MARK in left


def test_what_pytest_throws_away_is_left(tracker: SharedTracker, tmp_path: Path) -> None:
    tracker.own_paths = list  # type: ignore[method-assign]
    assert outlives(tracker, tmp_path)  # it does not say where its data is
    tracker.own_paths = lambda: [tmp_path / "store"]  # type: ignore[method-assign]
    assert not outlives(tracker, tmp_path)
    assert outlives(tracker, tmp_path / "other")
    tracker.features = frozenset()
    assert not outlives(tracker, tmp_path / "other")


def test_what_is_left_is_said_at_the_end(
    tracker: SharedTracker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "test_shared.py"
    suite.write_text(SUITE.format(uri=tracker.uri))
    options = ["-c", os.devnull, "--noconftest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    plugin = ["-p", "amlflow.testing.plugin", "--quick"]
    for name, is_clean in (("TestThrownAway", False), ("TestShared", True)):
        code = pytest.main([f"{suite}::{name}", *options, *plugin])
        out = capsys.readouterr().out
        assert code == pytest.ExitCode.OK, out
        assert (f"{tracker.uri}: " in out) == is_clean
        names = [each.name for each in tracker.list_experiments() if each.archived is None]
        assert (not names) == is_clean
