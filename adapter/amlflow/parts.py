"""The parts that an installation of amlflow may lack, and the extras that add them.

The base installation has what a client of a tracking server and of MLflow's default database needs.
A part is looked for where it is needed, without being imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from amlflow.exceptions import AzureMLException, UserErrorException

PARTS = {
    "data": ("pandas", "pyarrow"),
    "docker": ("docker",),
    "local": ("mlflow", "sqlalchemy", "alembic"),
    "ui": ("mlflow", "flask"),
}
"""Some packages of each extra, by which it is told whether it is installed."""


def command_for(extra: str) -> str | None:
    """The command that adds an extra; None where its packages are installed."""
    if all(find_spec(package) is not None for package in PARTS[extra]):
        return None
    return install_command(extra)


def install_command(extra: str) -> str:
    """The command that adds an extra, for each shell, also that of Windows."""
    return f'pip install "amlflow[{extra}]"'


def check_part(
    extra: str,
    need: str,
    error: type[AzureMLException] = UserErrorException,
    packages: Sequence[str] = (),
) -> None:
    """Raise an error that names the command, unless the packages of an extra are installed.

    ``need`` is what needs them: the subject of a sentence. ``packages`` are looked for if it does
    not need all of the extra.
    """
    for package in packages or PARTS[extra]:
        if find_spec(package) is None:
            raise error(
                f"{need} needs the package {package}, which is not installed here: "
                f"{install_command(extra)}."
            )
