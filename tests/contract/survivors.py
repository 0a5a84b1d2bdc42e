"""Prints the mutants that the contract's first tests did not catch, each with the test that does.

    python tests/contract/survivors.py

Each line is ``KIND: MUTANT -> TEST (SENTENCE)``: the test fails on the mutant, and names the
sentence as broken. ``test_mutants.py`` runs these tests on these mutants.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import sentences
import yaml

MODULES = (
    "calling", "plain", "plain_searches", "plain_contents", "plain_removals", "subtle",
    "subtle_contents", "steps", "texts", "finding", "sharing", "sharing_away", "keeping",
    "computing", "queueing", "describing", "answering",
)  # fmt: skip
"""The modules of ``mutants``."""
FILE = Path(__file__).with_name("survivors.yaml")


def read_survivors() -> dict[str, dict[str, str]]:
    """The test for each mutant, by their kinds."""
    kinds: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return kinds


def load_modules() -> list[ModuleType]:
    return [importlib.import_module(f"mutants.{name}") for name in MODULES]


def list_survivors() -> list[str]:
    """A line for each of them."""
    classes = {each.__name__: each for module in load_modules() for each in module.MUTANTS}
    return [
        f"{kind}: {mutant} -> {test} ({sentences.named(classes[mutant])[0]})"
        for kind, tests in read_survivors().items()
        for mutant, test in tests.items()
    ]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # for `helpers`
    lines = list_survivors()
    print("\n".join(lines))
    print(f"{len(lines)} mutants, each with its test")
