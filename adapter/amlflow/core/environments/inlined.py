"""Makes a definition independent of the requirements files that it names."""

from __future__ import annotations

import copy
import os
from typing import Protocol, TypeVar

from amlflow.core.scripts.environment_sections import PythonSection
from amlflow.core.scripts.specify import folders_of
from amlflow.environments.requirement_lines import inline_files, names_requirements_file
from amlflow.working_folder import working_folder


class HasPython(Protocol):
    """The section of an :class:`amlflow.core.scripts.environment.Environment` that is used."""

    python: PythonSection


Whole = TypeVar("Whole", bound=HasPython)


def inline_requirements(environment: Whole, folder: str | os.PathLike[str] | None = None) -> Whole:
    """Return the environment, or a copy of it with the lines of the files that its lines name.

    Lines of ``-c`` files become the ``constraints`` of its Python. Relative paths are looked for as
    in a build of the environment for the source folder ``folder``. None is the working folder.

    Raises:
        UserErrorException: a file cannot be read, or the working folder was deleted.
    """
    python = environment.python
    packages = python.conda_dependencies
    lines = [*packages.pip_options, *packages.pip_packages]
    if python.user_managed_dependencies or not any(map(names_requirements_file, lines)):
        return environment
    inlined, constraints = inline_files(lines, folders_of(packages, folder or working_folder()))
    whole = copy.copy(environment)
    whole.python = copy.copy(python)
    whole.python.conda_dependencies = copy.deepcopy(packages)
    whole.python.conda_dependencies.set_pip_requirements(inlined)
    whole.python.constraints = [*python.constraints, *constraints]
    return whole
