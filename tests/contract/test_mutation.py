"""Mutants that are generated from the reference tracker's own code: a sample is caught in each run.

``python tests/contract/mutation.py`` runs them all; docs/figures.md has the score.
"""

from __future__ import annotations

import mutation
import pytest
from amlflow.testing.memory import MemoryTracker
from mutant_runs import run_suite

pytestmark = pytest.mark.xdist_group("mutation")  # one process generates the mutants
EVERY = 12


@pytest.fixture(scope="module")
def generated() -> list[mutation.Generated]:
    return mutation.generate()


def test_a_sample_of_generated_mutants_is_caught(generated: list[mutation.Generated]) -> None:
    sample = [each for each in generated[::EVERY] if each.description not in mutation.EQUIVALENT]
    assert len(sample) > 20
    outcomes = run_suite([each.mutant for each in sample], original=MemoryTracker)
    escaped = [
        f"line {each.line}: {each.description}"
        for each, outcome in zip(sample, outcomes, strict=True)
        if outcome.test is None
    ]
    assert not escaped, "\n".join(escaped)


def test_the_equivalent_mutants_are_generated(generated: list[mutation.Generated]) -> None:
    assert set(mutation.EQUIVALENT) <= {each.description for each in generated}
