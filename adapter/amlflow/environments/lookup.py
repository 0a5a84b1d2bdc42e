"""Finds the environment of a definition without making it."""

from __future__ import annotations

from amlflow.environments import kept
from amlflow.environments.building import needs_environment
from amlflow.environments.keys import key_of
from amlflow.environments.plan import plan_of
from amlflow.environments.pythons import choose
from amlflow.environments.specification import Specification


def find_environment(specification: Specification) -> kept.KeptEnvironment | None:
    """Find the environment that was made for a definition on this machine.

    Returns None if it was not made yet, or if the definition needs no environment.

    Raises:
        EnvironmentBuildException: a line of the definition cannot be parsed.
        OSError: a file that the definition names cannot be read.
    """
    if not needs_environment(specification):
        return None
    python, _ = choose(specification.python, specification.interpreter)
    key = key_of(plan_of(specification), python, relax=specification.relax)
    return kept.find(key, kept.environments_folder())
