"""Takes away what a suite has made in a tracker that outlives it."""

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
"""Is in the name of each experiment and model that this process makes in a suite."""


def new_name(kind: str = "suite") -> str:
    """The name of an experiment or a model that nobody else uses."""
    return f"{kind}-{MARK}-{uuid.uuid4().hex}"


class Cleaning:
    """A suite that takes away what it has made, after its last test."""

    cleans_up = True
    """Whether it does; a store that is itself thrown away needs it not."""

    @pytest.fixture(scope="class", autouse=True)
    def _trackers(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[dict[str, Tracker]]:
        """The trackers that the tests of this class have used, by URI."""
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
    """Whether a tracker's data is there after the tests, in another place than their own folder."""
    if Feature.SHARED not in tracker.features:
        return False
    paths = Layer(tracker).own_paths()
    return not (paths and all(path.resolve().is_relative_to(base.resolve()) for path in paths))


def clean(tracker: Tracker) -> str:
    """Delete the models and the empty experiments of a suite, archive the others; what is left."""
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
                except Refused:  # it has runs, which the contract has no call to delete for good
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
