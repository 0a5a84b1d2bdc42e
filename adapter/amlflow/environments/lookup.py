"""Finds the environment of a definition without making it."""

from __future__ import annotations

from amlflow.environments import kept
from amlflow.environments.building import needs_environment
from amlflow.environments.conda import find_conda, identity_of
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
    plan, folder = plan_of(specification), kept.environments_folder()
    conda = find_conda() if specification.conda else None
    if conda is not None:
        identity = identity_of(specification, conda)
        by_conda = kept.find(key_of(plan, identity, relax=specification.relax), folder)
        if by_conda is not None:
            return by_conda
    if plan.only_conda:
        return None
    python, _ = choose(specification.python, specification.interpreter)
    return kept.find(key_of(plan, python, relax=specification.relax), folder)
