"""Converts the environment of a run configuration to the specification of what to install."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment_sections import DEFAULT_PYTHON, PythonSection
from amlflow.environments.dates import SETTING as BEFORE
from amlflow.environments.specification import Specification
from amlflow.environments.wheels import SCHEME
from amlflow.exceptions import UserErrorException
from amlflow.spec import Tracker

RELAX = "AMLFLOW_RELAX_PINS"
"""The environment variable that has the effect of ``python.relax`` if it is 1: if a pinned version
has no wheel for the Python, another version is installed."""


def specification_of(
    name: str,
    python: PythonSection,
    folder: str | os.PathLike[str],
    tracker: Callable[[], Tracker],
) -> Specification | None:
    """Return what is to be installed for an environment; None if the user manages its packages.

    Args:
        name: The environment's name.
        python: The environment's Python and packages.
        folder: The source folder. A relative path in the packages is looked for in the folder of
            the conda file that names it, then in the source folder, then in the working folder.
        tracker: Returns the tracker with the workspace's wheels. It is called only if a package is
            such a wheel.

    Raises:
        UserErrorException: ``conda_dependencies_file`` does not exist, or is not a conda file; or
            the workspace does not have a wheel.
    """
    if python.user_managed_dependencies:
        return None
    packages = packages_of(python, folder)
    path = python.interpreter_path
    pip = (*packages.pip_options, *packages.pip_packages)
    if any(SCHEME in line for line in pip):
        from amlflow.core.environments.private_wheels import with_local_wheels  # few have one

        pip = with_local_wheels(tracker(), pip)
    return Specification(
        name=name,
        python=packages.get_python_version(),
        conda=tuple(packages.conda_packages),
        channels=tuple(packages.conda_channels),
        pip=pip,
        folders=tuple(map(str, folders_of(packages, folder))),
        constraints=tuple(python.constraints),
        interpreter=None if path in (None, "", DEFAULT_PYTHON) else path,
        **_choices_of(python),
    )


def folders_of(packages: CondaDependencies, folder: str | os.PathLike[str]) -> list[Path]:
    """Return the folders in which a relative path in the packages is looked for, in their order.

    ``folder`` is the source folder.
    """
    names = (packages.folder, os.path.abspath(folder), os.getcwd())
    return [Path(name) for name in names if name is not None]


def with_choices(python: PythonSection) -> PythonSection:
    """Return a Python section with what environment variables choose for it now."""
    choices = _choices_of(python)
    return replace(python, relax=choices["relax"], packages_before=choices["before"])


def _choices_of(python: PythonSection) -> dict[str, Any]:
    return {
        "relax": bool(python.relax) or os.environ.get(RELAX, "") == "1",
        "before": python.packages_before or os.environ.get(BEFORE) or None,
    }


def packages_of(python: PythonSection, folder: str | os.PathLike[str]) -> CondaDependencies:
    """Return the packages of an environment, from its conda file if it has one and no packages.

    Raises:
        UserErrorException: the file does not exist, or is not a conda file.
    """
    packages = python.conda_dependencies
    if packages.names_packages() or not python.conda_dependencies_file:
        return packages
    return CondaDependencies(_find(python.conda_dependencies_file, Path(folder)))


def variables_of(python: PythonSection, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the environment variables that an environment's conda file names.

    Raises:
        UserErrorException: the file does not exist, or is not a conda file.
    """
    return {} if python.user_managed_dependencies else packages_of(python, folder).variables


def _find(name: str, folder: Path) -> Path:
    """Find a conda file of a .runconfig: in the source folder, as in v1, or the working folder."""
    for path in (folder / name, Path(name)):
        if path.is_file():
            return path
    raise UserErrorException(
        f"conda_dependencies_file={name!r} does not exist, neither in the source folder "
        f"{str(folder)!r} nor in the working folder."
    )
