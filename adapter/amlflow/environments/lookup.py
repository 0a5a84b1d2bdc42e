"""Finds the environment of a definition without making it."""

from __future__ import annotations

from amlflow.environments import kept
from amlflow.environments.building import needs_environment
from amlflow.environments.keys import key_of
from amlflow.environments.plan import plan_of
from amlflow.environments.pythons import choose
from amlflow.environments.specification import Specification


def find_environment(specification: Specification) -> kept.KeptEnvironment | None:
    """The environment that was made for a definition on this machine.

    None if none was made, and if none is needed.

    Raises:
        EnvironmentBuildException: the definition has a line that cannot be read.
        OSError: a file that it names cannot be read.
    """
    if not needs_environment(specification):
        return None
    python, _ = choose(specification.python, specification.interpreter)
    key = key_of(plan_of(specification), python, relax=specification.relax)
    return kept.find(key, kept.environments_folder())
