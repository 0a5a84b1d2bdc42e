"""Finds the files in ``.azureml`` that declare compute targets and datastores.

In v1, a workspace keeps them. Here, they are in two places: in or above the working folder, and in
or above the folder of the config.json that named the workspace. So code in one folder of a project
finds what code in another folder of the project has declared.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from amlflow.core.project.config_json import FOLDER
from amlflow.core.store import NAME_VARIABLES, WorkspaceBase, folder_of, store_of
from amlflow.working_folder import working_folder

VARIABLE = "AMLFLOW_PROJECT"
"""Tells a submitted script the project's folder, since its working folder is another one.

Before the path, with a colon, is the user id of its owner. On another machine, a folder with the
same path can be anybody's.
"""


def find_project_files(workspace: WorkspaceBase, name: str) -> list[Path]:
    """Return the files ``.azureml/NAME`` that hold for a workspace. The first comes first.

    These are the nearest one in or above the working folder, and the nearest one in or above the
    workspace's project. A submitted script works in a copy, so there the project's comes first.
    """
    starts = [working_folder(), folder_of(workspace)]
    if submitters_project(store_of(workspace).names) is not None:
        starts.reverse()
    found = [find_upwards(start, name) for start in starts if start is not None]
    return list(dict.fromkeys(path for path in found if path is not None))


def find_upwards(start: Path, name: str) -> Path | None:
    """Find ``.azureml/NAME`` in a folder, or in the nearest folder above it."""
    folder, below = str(start), ""
    while folder != below:  # the root is the folder above itself
        path = os.path.join(folder, FOLDER, name)
        if os.path.isfile(path):
            return Path(path)
        folder, below = os.path.dirname(folder), folder
    return None


def variables(workspace: WorkspaceBase) -> dict[str, str]:
    """Return the environment variable that tells a submitted script the project's folder."""
    folder = folder_of(workspace) or working_folder()
    try:
        return {VARIABLE: f"{os.stat(folder).st_uid}:{folder}"}
    except FileNotFoundError:  # removed since the config.json was read
        return {}


def submitters_project(names: tuple[str, str, str]) -> Path | None:
    """Return the project's folder of the process that submitted this script.

    None if this process is not a submitted script, if the workspace with these names is not that of
    its run, or if the machine or the container of the script does not have this folder of this
    owner.
    """
    owner, _, folder = os.environ.get(VARIABLE, "").partition(":")
    if not folder or names != tuple(map(os.environ.get, NAME_VARIABLES)):
        return None
    try:
        status = os.stat(folder)
    except (OSError, ValueError):
        return None
    is_it = stat.S_ISDIR(status.st_mode) and str(status.st_uid) == owner
    return Path(folder) if is_it else None
