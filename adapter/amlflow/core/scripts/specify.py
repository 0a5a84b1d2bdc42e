"""What the environment of a run configuration asks for, as the specification of an environment."""

from __future__ import annotations

import os
from pathlib import Path

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment_sections import DEFAULT_PYTHON, PythonSection
from amlflow.environments.specification import Specification
from amlflow.exceptions import UserErrorException

RELAX = "AMLFLOW_RELAX_PINS"
"""Set to 1, it allows other versions where a pin has no wheel for the Python."""


def specification_of(
    name: str, python: PythonSection, folder: str | os.PathLike[str]
) -> Specification | None:
    """What is to be installed for an environment; None where the user manages its packages.

    Args:
        name: The environment's name.
        python: Its packages, and its Python.
        folder: The source folder, below which a relative ``conda_dependencies_file`` is looked for.

    Raises:
        UserErrorException: ``conda_dependencies_file`` does not exist, or is not a conda file.
    """
    if python.user_managed_dependencies:
        return None
    packages = python.conda_dependencies
    if not packages.names_packages() and python.conda_dependencies_file:
        packages = CondaDependencies(_find(python.conda_dependencies_file, Path(folder)))
    path = python.interpreter_path
    return Specification(
        name=name,
        python=packages.get_python_version(),
        conda=tuple(packages.conda_packages),
        channels=tuple(packages.conda_channels),
        pip=(*packages.pip_options, *packages.pip_packages),
        folder=packages.folder or os.getcwd(),
        interpreter=None if path in (None, "", DEFAULT_PYTHON) else path,
        relax=bool(python.relax) or os.environ.get(RELAX, "") == "1",
    )


def _find(name: str, folder: Path) -> Path:
    """A conda file of a .runconfig: below the source folder, as in v1, or the working folder."""
    for path in (folder / name, Path(name)):
        if path.is_file():
            return path
    raise UserErrorException(
        f"conda_dependencies_file={name!r} does not exist, neither in the source folder "
        f"{str(folder)!r} nor in the working folder."
    )
