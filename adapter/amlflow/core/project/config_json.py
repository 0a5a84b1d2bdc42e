"""The workspace's config.json: where it is looked for, what it holds, how it is written."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound
from amlflow.whole_files import write_json

FOLDER = ".azureml"
OLD_FOLDER = "aml_config"
FILE = "config.json"
_NAMES = (FILE, "project.json")
_KEYS = ("subscription_id", "resource_group", "workspace_name")


@dataclass(frozen=True, slots=True)
class Config:
    """What a config file says. ``folder`` is the project's folder, to which paths are relative."""

    subscription_id: str
    resource_group: str
    workspace_name: str
    tracking_uri: str | None
    experiment_name: str | None
    folder: Path

    @property
    def names(self) -> tuple[str, str, str]:
        """Subscription, resource group and name of the workspace."""
        return self.subscription_id, self.resource_group, self.workspace_name


def find_config(path: str | os.PathLike[str] | None, file_name: str | None = None) -> Config | None:
    """The config at a path, or the nearest from a folder upwards; None where there is none.

    In each folder, v1 looks in ``.azureml``, then ``aml_config``, then the folder itself.

    Raises:
        UserErrorException: ``path`` does not exist, or what is found is not such a config.
    """
    start = Path(os.path.expanduser(path if path is not None else ".")).absolute()
    if start.is_file():
        return _read(start)
    if not start.is_dir():
        raise PathNotFound(
            f"{str(path)!r} is not a file or folder to read the workspace's config.json from; "
            "give the path of the file, or of a folder at or below it."
        )
    names = (file_name,) if file_name else _NAMES
    for folder in (start, *start.parents):
        for config_folder in (folder / FOLDER, folder / OLD_FOLDER, folder):
            for name in names:
                if (config_folder / name).is_file():
                    return _read(config_folder / name)
    return None


def _read(path: Path) -> Config:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise UserErrorException(f"{path} is not text in UTF-8, so it is not JSON.") from None
    except json.JSONDecodeError as error:
        raise UserErrorException(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except OSError as error:
        raise UserErrorException(f"{path} cannot be read: {error.strerror}.") from None
    if isinstance(content, dict) and "Scope" in content:
        content = {**_parse_scope(str(content["Scope"])), **content}  # how project.json says it
    missing_keys = [key for key in _KEYS if not isinstance(content, dict) or not content.get(key)]
    if missing_keys:
        raise UserErrorException(
            f"{path} lacks {', '.join(map(repr, missing_keys))}: a workspace's config.json is an "
            f"object with {', '.join(map(repr, _KEYS))} and, for amlflow, 'tracking_uri'."
        )
    for key in (*_KEYS, "tracking_uri"):
        if not isinstance(content.get(key, ""), str):
            raise UserErrorException(f"{path}: {key!r} must be a text, and is {content[key]!r}.")
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
    """The parts of ``/subscriptions/S/resourceGroups/R/…/workspaces/W``."""
    parts = scope.strip("/").split("/")
    values = {key.lower(): value for key, value in zip(parts[::2], parts[1::2], strict=False)}
    return {
        "subscription_id": values.get("subscriptions", ""),
        "resource_group": values.get("resourcegroups", ""),
        "workspace_name": values.get("workspaces", ""),
        "experiment_name": values.get("projects", ""),
    }


def project_folder(path: str | os.PathLike[str] | None) -> Path:
    """The folder of a project that is named by itself or by the folder of its config."""
    folder = Path(os.path.normpath(os.path.expanduser(path or ".")))
    return folder.parent if folder.name in (FOLDER, OLD_FOLDER) else folder


def write_config(folder: Path, file_name: str, content: dict[str, str]) -> Path:
    """Write ``<folder>/.azureml/<file_name>`` whole or not at all; the path is returned.

    Where there is a folder ``aml_config``, it is written there.

    Raises:
        UserErrorException: it cannot be written.
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
