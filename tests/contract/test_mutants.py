"""The suite catches each mutant of the reference tracker, by a test that names what is broken."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sentences
from amlflow.spec import Tracker
from helpers.shared_tracker import SharedTracker
from mutant_runs import (
    CLUSTER_SUITE,
    COMPUTE_SUITE,
    SHARED_SUITE,
    SUITE,
    Mutant,
    Outcome,
    run_suite,
)
from mutants import (
    answering,
    computing,
    describing,
    keeping,
    mistaking,
    queueing,
    sharing,
    sharing_away,
)
from survivors import list_survivors, load_modules, read_survivors

MODULES = load_modules()
SURVIVORS = {mutant: test for tests in read_survivors().values() for mutant, test in tests.items()}
"""The test that catches a mutant which the first tests did not."""
SHARED = [sharing, sharing_away, keeping]
CLUSTERS = [queueing, describing, answering, mistaking]
TRACKERS = [each for each in MODULES if each not in (*SHARED, *CLUSTERS, computing)]
RUNS = {
    SUITE: (TRACKERS, 1),
    SHARED_SUITE: (SHARED, 6),
    COMPUTE_SUITE: ([computing], 6),
    CLUSTER_SUITE: (CLUSTERS, 16),
}
"""The mutants of each suite, and how many are tried at once: more where the tests mostly wait."""


def escape(outcome: Outcome, sentence: str) -> str:
    """How a mutant escaped; empty if a test that names the sentence failed."""
    if outcome.test is None:
        return f"no test that names {sentence!r} fails: {outcome.reason}"
    if outcome.when != "call":
        return outcome.reason
    is_named = sentence in " ".join(outcome.sentences.split()) or outcome.test.startswith("(")
    return "" if is_named else f"{outcome.test} does not name {sentence!r}"


def is_awaited(mutant: type[Any]) -> bool:
    return getattr(mutant, "is_awaited", False)


@pytest.mark.parametrize("suite", RUNS, ids=lambda suite: suite.stem)
def test_each_mutant_is_caught(suite: Path) -> None:
    modules, at_once = RUNS[suite]
    # First those that take long because a test waits for what they never do.
    classes: list[type[Any]] = sorted(
        (each for module in modules for each in module.MUTANTS),
        key=lambda each: not is_awaited(each),
    )
    broken = [sentences.named(each)[0] for each in classes]
    outcomes = run_suite(
        [
            Mutant(each, sentence, SURVIVORS.get(each.__name__, getattr(each, "caught_by", None)))
            for each, sentence in zip(classes, broken, strict=True)
        ],
        suite,
        at_once=at_once,
    )
    escaped = [
        f"{each.__module__}.{each.__name__}: {why}"
        for each, outcome, sentence in zip(classes, outcomes, broken, strict=True)
        if (why := escape(outcome, sentence))
    ]
    assert not escaped, "\n".join(escaped)


def test_each_module_is_run() -> None:
    assert [*MODULES] == [each for each in MODULES if any(each in run for run, _ in RUNS.values())]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_mutant_breaks_a_sentence_of_the_contract(module: ModuleType) -> None:
    contract = set(sentences.of_contract())
    assert [each for each in module.MUTANTS if not contract.issuperset(sentences.named(each))] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_mutant_of_a_module_is_forgotten(module: ModuleType) -> None:
    contract = set(sentences.of_contract())
    mutants = {
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and each.__module__ == module.__name__
        and contract.intersection(sentences.named(each))
    }
    assert mutants <= set(module.MUTANTS)


def test_each_survivor_is_a_mutant() -> None:
    names = {each.__name__ for module in MODULES for each in module.MUTANTS}
    assert set(SURVIVORS) - names == set()


def test_the_survivors_are_listed_with_their_tests() -> None:
    lines = list_survivors()
    assert len(lines) == len(SURVIVORS)
    line = "paging: OffsetPaging -> test_runs_that_change_while_they_are_read (find_runs: A run"
    assert any(each.startswith(line) for each in lines)


def test_the_shared_reference_tracker_passes() -> None:
    [outcome] = run_suite([Mutant(SharedTracker)], SHARED_SUITE)
    assert outcome.test is None, outcome.reason


def test_a_tracker_that_does_not_open_has_broken_no_sentence() -> None:
    def opened() -> Tracker:
        raise OSError("no such place")

    [outcome] = run_suite([Mutant(opened)])
    assert (outcome.when, outcome.sentences) == ("setup", "")
    assert "no such place" in outcome.reason
