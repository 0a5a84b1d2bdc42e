"""v1's curated environments: for each name, a definition that is near to what v1 had.

curated.json has them. v1's own have old Pythons and packages, which often have no wheels for the
Pythons of today, so a definition here allows newer ones with the same interface.
"""

from __future__ import annotations

import difflib
import functools
import json
from importlib.resources import files
from typing import Any

from amlflow.core.environments.registry import EnvironmentNotFound

PREFIX = "azureml-"
MAX_NEAR = 5
"""Names that a message suggests."""


def is_curated(name: str) -> bool:
    """Whether a name is one of those that v1 reserves for curated environments."""
    return name.lower().startswith(PREFIX)


def find_curated(name: str) -> dict[str, Any]:
    """The definition for a curated name, in whatever case.

    Raises :class:`EnvironmentNotFound`, which names the nearest ones.
    """
    definitions = {key.lower(): definition for key, definition in curated_definitions().items()}
    definition = definitions.get(name.lower())
    if definition is not None:
        return definition
    names = {key.lower().removeprefix(PREFIX): key for key in curated_definitions()}
    near = difflib.get_close_matches(name.lower().removeprefix(PREFIX), names, MAX_NEAR)
    nearest = f"The nearest are {', '.join(names[key] for key in near)}. " if near else ""
    raise EnvironmentNotFound(
        f"amlflow has no definition for v1's curated environment {name!r}. {nearest}"
        "Environment.list(workspace) has all of them. Or name the packages in an Environment of "
        "your own."
    )


@functools.cache
def _groups() -> list[dict[str, Any]]:
    text = files("amlflow.core.environments").joinpath("curated.json").read_text(encoding="utf-8")
    groups: list[dict[str, Any]] = json.loads(text)
    return groups


def curated_definitions() -> dict[str, dict[str, Any]]:
    """The definition of each curated environment, by its name."""
    return {
        name: {
            "name": name,
            "python": {
                "condaDependencies": {
                    "name": "project_environment",
                    "channels": ["conda-forge"],
                    "dependencies": [
                        *([f"python{group['python']}"] if "python" in group else []),
                        "pip",
                        {"pip": group["packages"]},
                    ],
                }
            },
        }
        for group in _groups()
        for name in group["names"]
    }
