"""Writes an environment to a folder as v1 does, and reads it, so that you can keep it in git.

<folder>/azureml_environment.json   all settings but the packages
         conda_dependencies.yml     the packages
         BaseDockerfile             the Dockerfile of the image, if the environment has one
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.exceptions import UserErrorException
from amlflow.user_files import parse_json, read_text
from amlflow.whole_files import write_json, write_text
from amlflow.working_folder import local_path

DEFINITION = "azureml_environment.json"
PACKAGES = "conda_dependencies.yml"
DOCKERFILE = "BaseDockerfile"


def write_folder(path: str | os.PathLike[str], definition: dict[str, Any], overwrite: bool) -> None:
    """Write a definition into a folder.

    Raises:
        FileExistsError: the folder exists, and ``overwrite`` is False, as in v1.
    """
    folder = local_path(path)
    folder.mkdir(parents=True, exist_ok=overwrite)
    python, docker = dict(definition["python"]), dict(definition["docker"])
    packages = CondaDependencies(_underlying_structure=python.pop("condaDependencies"))
    write_text(folder / PACKAGES, packages.serialize_to_string())
    dockerfile = docker.pop("baseDockerfile", None)
    if dockerfile:
        write_text(folder / DOCKERFILE, dockerfile)
    else:
        (folder / DOCKERFILE).unlink(missing_ok=True)  # it belongs to the replaced environment
    write_json(folder / DEFINITION, {**definition, "python": python, "docker": docker})


def read_folder(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a definition from a folder. v1 may have written the folder.

    Raises:
        FileNotFoundError: the folder has no azureml_environment.json, as in v1.
        UserErrorException: a file is not valid.
    """
    folder = local_path(path)
    file = folder / DEFINITION
    if not file.is_file():
        raise FileNotFoundError(str(file))
    definition = parse_json(read_text(file), file)
    if not isinstance(definition, dict):
        raise UserErrorException(f"{str(file)!r} is not a JSON object.")
    for section, key, content in (
        ("python", "condaDependencies", _packages(folder / PACKAGES)),
        ("docker", "baseDockerfile", _text(folder / DOCKERFILE)),
    ):
        if content is not None:
            settings = definition.get(section) or {}
            if not isinstance(settings, dict):
                raise UserErrorException(f"{str(file)!r}: {section} is not a JSON object.")
            definition[section] = {**settings, key: content}
    return definition


def _packages(file: Path) -> dict[str, Any] | None:
    return CondaDependencies(file).as_dict() if file.is_file() else None


def _text(file: Path) -> str | None:
    return read_text(file) if file.is_file() else None
