"""Runs in the experiments that amlflow keeps for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from amlflow.core.environments.registry import Registry as Environments
from amlflow.data.registry import Registry as Datasets
from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.layers.models import Models
from amlflow.own_runs import OwnRuns, to_run_id
from amlflow.spec import (
    ExperimentRecord,
    Refused,
    RunDraft,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.memory import MemoryTracker


class Counting(MemoryTracker):
    asked = 0

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        self.asked += 1
        return super().ensure_experiment(name)


def test_of_two_that_create_a_run_one_does() -> None:
    tracker = MemoryTracker("memory://own")
    one, other = OwnRuns(tracker, "amlflow.x"), OwnRuns(tracker, "amlflow.x")
    created = one.create("a", name="n", tags={"k": "v"})
    assert created is not None
    assert (created.status, created.name, created.tags) == (Status.COMPLETED, "n", {"k": "v"})
    assert other.create("a", name="m") is None
    assert other.ensure("a").id == created.id == one.get("a").id


def test_what_the_tracker_refuses_is_an_error() -> None:
    class Refusing(MemoryTracker):
        def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
            raise Refused("no")

    with pytest.raises(Refused, match="no"):
        OwnRuns(Refusing("memory://own"), "amlflow.x").create("a")


def test_the_experiment_is_asked_for_once_and_not_created_by_looking() -> None:
    tracker = Counting("memory://own")
    runs = OwnRuns(tracker, "amlflow.x")
    assert runs.find_experiment() is None
    assert list(tracker.list_experiments()) == []
    for name in ("a", "b"):
        assert runs.get(name) is None
        runs.ensure(name)
    assert tracker.asked == 1
    assert runs.find_experiment() == runs.ensure_experiment()


def test_ids_are_those_of_earlier_releases() -> None:
    assert to_run_id("model", "1 mm") == "model-db330b13e22f7384a7a6a02a6f5786b3"
    assert to_run_id("environment", "\ud800").startswith("environment-")


class ReadOnly(MemoryTracker):
    """As a server with users answers who may only read."""

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        raise AuthenticationException("You may only read.")

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        raise AuthenticationException("You may only read.")


LOOKS: dict[str, Callable[[Tracker], object]] = {
    "data sets": lambda tracker: Datasets(tracker).read_all(),
    "environments": lambda tracker: Environments(tracker).latest(),
    "definitions of environments": lambda tracker: list(Environments(tracker).definitions()),
    "versions of an environment": lambda tracker: Environments(tracker).versions("e"),
    "models": lambda tracker: list(Models(tracker).find_models()),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_user_who_may_only_read_can_look(look: Callable[[Tracker], object]) -> None:
    assert not look(ReadOnly("memory://own"))


@pytest.mark.parametrize(
    ("look", "error"),
    [
        (lambda tracker: Datasets(tracker).by_name("d"), "'d' does not exist"),
        (lambda tracker: Datasets(tracker).by_id("i"), "'i' does not exist"),
        (lambda tracker: Environments(tracker).get("e"), "No environment 'e'"),
        (lambda tracker: Environments(tracker).remove("e"), "No environment 'e'"),
        (lambda tracker: Models(tracker).get_model("m", 1), "name m, version 1"),
    ],
)
def test_what_is_not_there_is_told_to_a_user_who_may_only_read(
    look: Callable[[Tracker], object], error: str
) -> None:
    with pytest.raises(AzureMLException, match=error):
        look(ReadOnly("memory://own"))
