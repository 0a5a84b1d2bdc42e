"""Environments with a package that the tests build themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers import wheels

if TYPE_CHECKING:
    from azureml.core import Environment


def write_index(folder: Path, monkeypatch: pytest.MonkeyPatch, *versions: str) -> Path:
    """Return a folder with these versions of amlflow-tiny. It is the only index that is used."""
    for version in versions:
        wheels.write_tiny(folder, "amlflow-tiny", version)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return folder


def environment_of(links: Path, *packages: str) -> Environment:
    """Return an environment with packages from a folder of wheels."""
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies

    environment = Environment("tiny")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=packages)
    environment.python.conda_dependencies.set_pip_option(f"--find-links {links}")
    return environment
