"""Removes what a suite has created in a tracker that keeps its data after the tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from amlflow.exceptions import AzureMLException
from amlflow.layers.layer import Layer
from amlflow.spec import (
    ExperimentChange,
    Feature,
    ModelRegistry,
    Refused,
    Tracker,
    redacted,
    tried_once,
)
from amlflow.testing.plugin import LEFT, RUNNING_ITEM

MARK = uuid.uuid4().hex[:12]
"""A part of the name of each experiment and model that this process creates in a suite."""

TRACKERS: pytest.StashKey[dict[str, Tracker]] = pytest.StashKey()
"""The trackers that the tests of a class have used, by URI."""


def new_name(kind: str = "suite") -> str:
    """Return a new unique name for an experiment or a model."""
    return f"{kind}-{MARK}-{uuid.uuid4().hex}"


class Cleaning:
    """A suite that removes what it has created after its last test."""

    cleans_up = True
    """Whether to clean up. It is not needed if the store itself is thrown away."""

    @pytest.fixture(autouse=True)
    def _remembered(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[None]:
        """Remember the test's tracker. After the last test of the class, clean up in each."""
        yield
        test = cast(pytest.Function, request.node)
        tracker = cast("Tracker | None", test.funcargs.get("tracker"))
        suite = test.getparent(pytest.Class)
        if tracker is None or suite is None or not self.cleans_up:
            return
        if TRACKERS not in suite.stash:
            # Not a fixture of the class: pytest 10 takes only a classmethod for one, and pytest 8
            # does not.
            suite.stash[TRACKERS] = {}
            base = tmp_path_factory.getbasetemp()
            suite.addfinalizer(lambda: _clean_all(suite, base))
        suite.stash[TRACKERS][tracker.uri] = tracker


def _clean_all(suite: pytest.Class, base: Path) -> None:
    """Clean up in the trackers of a class, and note with the last test what is left there."""
    for uri, tracker in suite.stash[TRACKERS].items():
        if outlives(tracker, base) and (left := clean(tracker)):
            suite.session.stash[RUNNING_ITEM].user_properties.append(
                (LEFT, f"{redacted(uri)}: {left}")
            )


def outlives(tracker: Tracker, base: Path) -> bool:
    """Return whether a tracker's data stays after the tests, since it is outside their folder."""
    if Feature.SHARED not in tracker.features:
        return False
    paths = Layer(tracker).own_paths()
    return not (paths and all(path.resolve().is_relative_to(base.resolve()) for path in paths))


def clean(tracker: Tracker) -> str:
    """Delete a suite's models and empty experiments, and archive its other experiments.

    Returns a sentence that says what is left; "" if nothing is left.
    """
    archived = 0
    try:
        with tried_once():
            if Feature.MODELS in tracker.features:
                registry = cast(ModelRegistry, tracker)
                for model in list(registry.find_models()):
                    if MARK in model.name:
                        registry.delete_model(model.name, model.version)
            for experiment in list(tracker.list_experiments()):
                if MARK not in experiment.name:
                    continue
                try:
                    tracker.delete_experiment(experiment.id)
                except Refused:  # it has runs, and no call of the contract deletes them for good
                    archived += 1
                    if experiment.archived is None:
                        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
    except AzureMLException as error:
        return f"not cleaned up: {error.message}"
    if not archived:
        return ""
    return (
        f"{archived} archived experiments with their runs, and snapshots. The contract has no call "
        f"that deletes these for good; the names of the experiments have {MARK} in them."
    )
