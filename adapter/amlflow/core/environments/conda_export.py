"""Reads the packages of a conda environment on this machine."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import Any

from amlflow.environments import conda
from amlflow.exceptions import UserErrorException
from amlflow.tracker_data import Malformed, to_object

logger = logging.getLogger("amlflow")

TIMEOUT_S = 120.0
PROGRAMS = tuple(name for name in conda.PROGRAMS if name != "pixi")
"""pixi has no command that exports an environment of conda's."""


def export_packages(name: str) -> dict[str, Any] | None:
    """Return the conda environment file of an environment; None if conda cannot export it.

    Raises:
        UserErrorException: conda is not installed, or does not have the environment.
    """
    program = conda.find_conda(PROGRAMS)
    if program is None:
        raise UserErrorException(
            f"The conda environment {name!r} cannot be read: conda is not on the PATH of this "
            "machine. Name the packages in a file, and use Environment.from_conda_specification()."
        )
    prefix = _find_prefix(program, name)
    export = _run(program, "env", "export", "--prefix", prefix)
    if export.returncode:
        logger.error("conda could not export the environment %r: %s", name, export.stderr.strip())
        return None
    import yaml  # takes long to import, and few scripts read such a file

    content = yaml.safe_load(export.stdout)
    if not isinstance(content, dict):
        logger.error("The export of the environment %r by conda is not valid YAML.", name)
        return None
    content.pop("prefix", None)  # a path of this machine
    content["name"] = name  # the path of one that is outside of conda's folders
    dependencies = content.get("dependencies")
    if isinstance(dependencies, list):
        content["dependencies"] = [_without_build(item) for item in dependencies]
    return content


def _without_build(item: Any) -> Any:
    """``name=version`` of ``name=version=build``: the option that does so has two spellings."""
    is_package = isinstance(item, str) and item.count("=") == 2 and "==" not in item
    return item.rpartition("=")[0] if is_package else item


def _find_prefix(program: str, name: str) -> str:
    """The folder of an environment. It may be outside of the folders that conda looks names up in.

    Raises:
        UserErrorException: conda has no such environment, or does not answer.
    """
    listed = _ask(program, "env", "list").get("envs")
    prefixes = [str(prefix) for prefix in listed] if isinstance(listed, list) else []
    for prefix in prefixes:
        if Path(prefix).name == name:
            return prefix
    if name in ("base", "root"):
        return _find_base(program)
    raise UserErrorException(
        f"conda has no environment {name!r} on this machine. `conda env list` lists its "
        "environments."
    )


def _find_base(program: str) -> str:
    """The program's own environment. mamba has another name for it than conda."""
    content = _ask(program, "info")
    prefix = content.get("root_prefix") or content.get("base environment")
    if not isinstance(prefix, str):
        raise UserErrorException(f"`{program} info` does not say which environment is its base.")
    return prefix


def _ask(program: str, *arguments: str) -> dict[str, Any]:
    answer = _run(program, *arguments, "--json")
    try:
        return to_object(answer.stdout)
    except Malformed as error:
        raise UserErrorException(
            f"`{' '.join([program, *arguments])} --json` did not print JSON: "
            f"{answer.stderr.strip()[-300:]}"
        ) from error


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
