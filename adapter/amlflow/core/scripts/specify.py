"""What the environment of a run configuration asks for, as the specification of an environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment_sections import DEFAULT_PYTHON, PythonSection
from amlflow.environments.specification import Specification
from amlflow.environments.wheels import SCHEME
from amlflow.exceptions import UserErrorException
from amlflow.spec import Tracker

RELAX = "AMLFLOW_RELAX_PINS"
"""Set to 1, it allows other versions where a pin has no wheel for the Python."""


def specification_of(
    name: str,
    python: PythonSection,
    folder: str | os.PathLike[str],
    tracker: Callable[[], Tracker],
) -> Specification | None:
    """What is to be installed for an environment; None where the user manages its packages.

    Args:
        name: The environment's name.
        python: Its packages, and its Python.
        folder: The source folder. Relative paths that no file has are below it, or else below the
            working folder.
        tracker: Gives the tracker that has the workspace's wheels; called if one is named.

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
        folders=tuple(filter(None, (packages.folder, os.path.abspath(folder), os.getcwd()))),
        interpreter=None if path in (None, "", DEFAULT_PYTHON) else path,
        relax=bool(python.relax) or os.environ.get(RELAX, "") == "1",
    )


def packages_of(python: PythonSection, folder: str | os.PathLike[str]) -> CondaDependencies:
    """The packages of an environment, also where they are in a conda file.

    Raises:
        UserErrorException: the file does not exist, or is not a conda file.
    """
    packages = python.conda_dependencies
    if packages.names_packages() or not python.conda_dependencies_file:
        return packages
    return CondaDependencies(_find(python.conda_dependencies_file, Path(folder)))


def _find(name: str, folder: Path) -> Path:
    """A conda file of a .runconfig: below the source folder, as in v1, or the working folder."""
    for path in (folder / name, Path(name)):
        if path.is_file():
            return path
    raise UserErrorException(
        f"conda_dependencies_file={name!r} does not exist, neither in the source folder "
        f"{str(folder)!r} nor in the working folder."
    )
