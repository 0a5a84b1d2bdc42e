"""The optional parts of an installation of amlflow, and the extras that add them.

The base installation is enough for a client of a tracking server or of MLflow's default database.
The code that needs a part checks for it, without importing it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

from amlflow.exceptions import AzureMLException, UserErrorException

ROOM = "AMLFLOW_ROOM"
"""The environment variable of a script in an environment of its own: the path of the folder that
gives it amlflow."""
PARTS = {
    "data": ("pandas", "pyarrow"),
    "docker": ("docker",),
    "local": ("mlflow", "sqlalchemy", "alembic"),
    "ui": ("mlflow", "flask"),
}
"""Some packages of each extra. If all of them are installed, the extra counts as installed."""


def command_for(extra: str) -> str | None:
    """Return the command that adds an extra; None if its packages are installed."""
    if all(find_spec(package) is not None for package in PARTS[extra]):
        return None
    return install_command(extra)


def install_command(extra: str) -> str:
    """Return the command that adds an extra. It works in every shell, also on Windows."""
    return f'pip install "amlflow[{extra}]"'


def check_part(
    extra: str,
    need: str,
    error: type[AzureMLException] = UserErrorException,
    packages: Sequence[str] = (),
) -> None:
    """Raise an error that says what to do, unless the packages of an extra are installed.

    ``need`` names what needs the packages. It is the subject of the message's sentence. If it does
    not need all packages of the extra, pass the needed ones as ``packages``.
    """
    for package in packages or PARTS[extra]:
        if find_spec(package) is None:
            raise error(f"{need} needs the package {package}, which {_remedy(extra)}.")


def _remedy(extra: str) -> str:
    if ROOM not in os.environ:
        return f"is not installed here: {install_command(extra)}"
    names = " and ".join(PARTS[extra])
    return (
        f"the environment of this script does not have. Add {names} to its packages, below pip: in "
        "its conda file or in pip_packages"
    )
