"""v1's curated environments: for each name, a definition that is near to what v1 had.

curated.json has the packages. A name such as ``AzureML-sklearn-0.24-ubuntu18.04-py37-cpu`` says the
Python and the version of the framework. They are taken together: on another Python, for which that
version often has no wheel, newer versions with the same interface are allowed.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from importlib.resources import files
from typing import Any

from amlflow.core.environments.registry import EnvironmentNotFound

PREFIX = "azureml-"
DEFAULTS = "azureml-defaults"
MAX_NEAR = 5
"""Names that a message suggests."""
_PYTHON = re.compile(r"-py3(\d+)(?:-|$)")
_VERSION = re.compile(r"-(\d+(?:\.\d+)+)-")


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
    return {name: _define(name, group) for group in _groups() for name in group["names"]}


def _define(name: str, group: dict[str, Any]) -> dict[str, Any]:
    python, packages = group.get("python"), group["packages"]
    if match := _PYTHON.search(name):
        python = f"=3.{match[1]}"
        packages = _with_version(name, f"3.{match[1]}", group)
    dependencies = [*([f"python{python}"] if python else []), "pip", {"pip": packages}]
    conda = {
        "name": "project_environment",
        "channels": ["conda-forge"],
        "dependencies": dependencies,
    }
    return {"name": name, "python": {"condaDependencies": conda}}


def _with_version(name: str, python: str, group: dict[str, Any]) -> list[str]:
    """The packages, where the first, the framework, has the name's version on the name's Python."""
    version = _VERSION.search(name)
    if version is None:
        return list(group["packages"])
    framework, *others = (line for line in group["packages"] if line != DEFAULTS)
    number = group.get("versions", {}).get(version[1], version[1])
    base = re.split("[<>=]", framework)[0]
    own = [f"{base}=={number}.*", *group.get("beside", ())]
    return [
        DEFAULTS,
        *(f"{line}; python_version == '{python}'" for line in own),
        f"{framework}; python_version != '{python}'",
        *others,
    ]
