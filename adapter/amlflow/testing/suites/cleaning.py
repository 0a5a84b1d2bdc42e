"""Removes what a suite has created in a tracker that keeps its data after the tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

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


def new_name(kind: str = "suite") -> str:
    """Return a new unique name for an experiment or a model."""
    return f"{kind}-{MARK}-{uuid.uuid4().hex}"


class Cleaning:
    """A suite that removes what it has created after its last test."""

    cleans_up = True
    """Whether to clean up. It is not needed if the store itself is thrown away."""

    @pytest.fixture(scope="class", autouse=True)
    def _trackers(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[dict[str, Tracker]]:
        """Yield a dict for the trackers that the tests of this class use, by URI; clean them up."""
        trackers: dict[str, Tracker] = {}
        yield trackers
        if not request.cls.cleans_up:
            return
        base = tmp_path_factory.getbasetemp()
        for uri, tracker in trackers.items():
            if outlives(tracker, base) and (left := clean(tracker)):
                request.session.stash[RUNNING_ITEM].user_properties.append(
                    (LEFT, f"{redacted(uri)}: {left}")
                )

    @pytest.fixture(autouse=True)
    def _remembered(
        self, request: pytest.FixtureRequest, _trackers: dict[str, Tracker]
    ) -> Iterator[None]:
        yield
        arguments: dict[str, Any] = cast(pytest.Function, request.node).funcargs
        tracker: Tracker | None = arguments.get("tracker")
        if tracker is not None:
            _trackers[tracker.uri] = tracker


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
