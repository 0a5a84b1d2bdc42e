"""v1's curated environments: for each name, a definition that is close to v1's.

curated.json has the packages. A name such as ``AzureML-sklearn-0.24-ubuntu18.04-py37-cpu`` says the
versions of Python and of the framework. On that Python, exactly that version is installed. On
another Python, the version often has no wheel, so newer versions with the same interface are
allowed.
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
"""How many names a message suggests."""
_PYTHON = re.compile(r"-py3(\d+)(?:-|$)")
_VERSION = re.compile(r"-(\d+(?:\.\d+)+)-")


def is_curated(name: str) -> bool:
    """Whether v1 reserves a name for curated environments."""
    return name.lower().startswith(PREFIX)


def find_curated(name: str) -> dict[str, Any]:
    """Return the definition for a curated name. Upper and lower case do not matter.

    Raises :class:`EnvironmentNotFound`, whose message suggests the nearest names.
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
        "Environment.list(workspace) lists all curated environments. You can also name the "
        "packages in your own Environment."
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
    """Return the packages. The first is the framework: the name's version on the name's Python."""
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
