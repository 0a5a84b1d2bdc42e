"""Reads the packages of a conda environment on this machine."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from amlflow.exceptions import UserErrorException

logger = logging.getLogger("amlflow")

TIMEOUT_S = 120.0
PROGRAMS = ("conda", "mamba", "micromamba")


def export_packages(name: str) -> dict[str, Any] | None:
    """Return the conda environment file of an environment; None if conda cannot export it.

    Raises:
        UserErrorException: conda is not installed, or does not have the environment.
    """
    program = os.environ.get("CONDA_EXE") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise UserErrorException(
            f"The conda environment {name!r} cannot be read: conda is not on the PATH of this "
            "machine. Name the packages in a file, and use Environment.from_conda_specification()."
        )
    listing = _run(program, "env", "list", "--json")
    names = {Path(line.strip(' ",')).name for line in listing.stdout.splitlines()}
    if name not in names and name not in ("base", "root"):
        raise UserErrorException(
            f"conda has no environment {name!r} on this machine. `conda env list` lists its "
            "environments."
        )
    export = _run(program, "env", "export", "--no-builds", "--name", name)
    if export.returncode:
        logger.error("conda could not export the environment %r: %s", name, export.stderr.strip())
        return None
    import yaml  # takes long to import, and few scripts read such a file

    content = yaml.safe_load(export.stdout)
    if not isinstance(content, dict):
        logger.error("The export of the environment %r by conda is not valid YAML.", name)
        return None
    content.pop("prefix", None)  # a path of this machine
    return content


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise UserErrorException(f"{program!r} could not be run: {failure}") from failure
