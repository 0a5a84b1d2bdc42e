"""Finds, reads and writes the workspace's config.json."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound
from amlflow.user_files import parse_json, read_text
from amlflow.whole_files import write_json
from amlflow.working_folder import find_working_folder, local_path, working_folder

FOLDER = ".azureml"
OLD_FOLDER = "aml_config"
FILE = "config.json"
_NAMES = (FILE, "project.json")
_KEYS = ("subscription_id", "resource_group", "workspace_name")


@dataclass(frozen=True, slots=True)
class Config:
    """The content of a config file. Paths are relative to ``folder``, the project's folder."""

    subscription_id: str
    resource_group: str
    workspace_name: str
    tracking_uri: str | None
    experiment_name: str | None
    folder: Path

    @property
    def names(self) -> tuple[str, str, str]:
        """The subscription, resource group and name of the workspace."""
        return self.subscription_id, self.resource_group, self.workspace_name


def find_config(path: str | os.PathLike[str] | None, file_name: str | None = None) -> Config | None:
    """Read the config at a path, or the nearest one in or above a folder; None without one.

    As in v1, ``.azureml``, then ``aml_config`` and then the folder itself are searched, in each
    folder. If the working folder was deleted, there is none.

    Raises:
        UserErrorException: ``path`` does not exist, or the config is not valid.
    """
    start = Path(os.path.expanduser(path if path is not None else "."))
    if not start.is_absolute():
        if start == Path() and find_working_folder() is None:
            return None
        start = working_folder() / start
    if start.is_file():
        return _read(start)
    if not start.is_dir():
        raise PathNotFound(
            f"{str(path)!r} does not exist. Name the workspace's config.json, its folder, or a "
            "folder below that."
        )
    names = (file_name,) if file_name else _NAMES
    for folder in (start, *start.parents):
        for config_folder in (folder / FOLDER, folder / OLD_FOLDER, folder):
            for name in names:
                if (config_folder / name).is_file():
                    return _read(config_folder / name)
    return None


def _read(path: Path) -> Config:
    content = parse_json(read_text(path), path)
    if isinstance(content, dict) and "Scope" in content:
        content = {**_parse_scope(str(content["Scope"])), **content}  # the form of project.json
    missing_keys = [key for key in _KEYS if not isinstance(content, dict) or not content.get(key)]
    if missing_keys:
        raise UserErrorException(
            f"{path} lacks {', '.join(map(repr, missing_keys))}. A workspace's config.json needs "
            f"{', '.join(map(repr, _KEYS))}, and for amlflow it can have 'tracking_uri'."
        )
    for key in (*_KEYS, "tracking_uri"):
        if not isinstance(content.get(key, ""), str):
            raise UserErrorException(f"{path}: {key!r} must be a text, but is {content[key]!r}.")
    folder = path.parent
    if folder.name in (FOLDER, OLD_FOLDER):
        folder = folder.parent
    return Config(
        subscription_id=str(content["subscription_id"]),
        resource_group=str(content["resource_group"]),
        workspace_name=str(content["workspace_name"]),
        tracking_uri=content.get("tracking_uri"),
        experiment_name=content.get("experiment_name") or content.get("Experiment"),
        folder=folder,
    )


def _parse_scope(scope: str) -> dict[str, str]:
    """Parse ``/subscriptions/S/resourceGroups/R/…/workspaces/W``."""
    parts = scope.strip("/").split("/")
    values = {key.lower(): value for key, value in zip(parts[::2], parts[1::2], strict=False)}
    return {
        "subscription_id": values.get("subscriptions", ""),
        "resource_group": values.get("resourcegroups", ""),
        "workspace_name": values.get("workspaces", ""),
        "experiment_name": values.get("projects", ""),
    }


def project_folder(path: str | os.PathLike[str] | None) -> Path:
    """Return the folder of a project.

    ``path`` is that folder, or its ``.azureml`` or ``aml_config``.
    """
    folder = local_path(os.path.normpath(os.path.expanduser(path or ".")))
    return folder.parent if folder.name in (FOLDER, OLD_FOLDER) else folder


def write_config(folder: Path, file_name: str, content: dict[str, str]) -> Path:
    """Write ``<folder>/.azureml/<file_name>`` completely or not at all, and return its path.

    If the folder has ``aml_config``, the file is written there.

    Raises:
        UserErrorException: the file cannot be written.
    """
    target = folder / (OLD_FOLDER if (folder / OLD_FOLDER).is_dir() else FOLDER)
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_json(target / file_name, content)
    except OSError as error:
        raise UserErrorException(
            f"{str(target / file_name)!r} cannot be written: {error.strerror or error}."
        ) from None
    return target / file_name
