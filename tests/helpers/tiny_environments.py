"""Environments with a package that the tests build themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers import wheels

if TYPE_CHECKING:
    from azureml.core import Environment


NO_INDEX = {"UV_DEFAULT_INDEX": "file:///no-index"}
"""The variables with which no index is asked: uv finds no package in a folder that is not there.

uv has a variable for neither ``--no-index`` nor a list of hosts. An index that the definition names
is asked all the same."""


def only_links(links: Path) -> dict[str, str]:
    """Return the variables with which packages are found in a folder of wheels only."""
    return {**NO_INDEX, "UV_FIND_LINKS": str(links)}


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set environment variables for the rest of a test."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def write_index(folder: Path, monkeypatch: pytest.MonkeyPatch, *versions: str) -> Path:
    """Return a folder with these versions of amlflow-tiny. It is the only index that is used."""
    for version in versions:
        wheels.write_tiny(folder, "amlflow-tiny", version)
    set_variables(monkeypatch, NO_INDEX)
    return folder


def environment_of(links: Path, *packages: str) -> Environment:
    """Return an environment with packages from a folder of wheels."""
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies

    environment = Environment("tiny")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=packages)
    environment.python.conda_dependencies.set_pip_option(f"--find-links {links}")
    return environment
