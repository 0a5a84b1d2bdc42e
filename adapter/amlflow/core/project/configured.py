"""Finds the URI of the tracking store of a folder's workspace, without opening the workspace.

The studio's command needs only the URI. So the studio does not import code that starts jobs.
"""

from __future__ import annotations

import os
from pathlib import Path

from amlflow.core.console import warn_once
from amlflow.core.project.config_json import find_config
from amlflow.core.project.known_workspaces import find_known
from amlflow.core.project.tracking_uri import EMBEDDED, embedded_uri, resolve_uri
from amlflow.core.store import DEFAULT_NAME, NO_SUBSCRIPTION
from amlflow.spec import redacted
from amlflow.working_folder import find_working_folder


def configured_uri(path: str | os.PathLike[str]) -> str:
    """Return the absolute URI of the tracking store that ``Workspace.from_config(path)`` opens.

    Raises:
        UserErrorException: ``path`` does not exist, or the config.json is not valid.
    """
    config = find_config(path)
    if config is not None:
        names = (config.subscription_id, config.resource_group, config.workspace_name)
        note = find_known(*names) or {}
        return resolve_uri(config.tracking_uri or note.get("tracking_uri"), config.folder)
    note = find_known(NO_SUBSCRIPTION, DEFAULT_NAME, DEFAULT_NAME) or {}
    uri = resolve_uri(note.get("tracking_uri"))
    warn_of_new_database(path, uri)
    return uri


def warn_of_new_database(path: str | os.PathLike[str], uri: str) -> None:
    """Warn that a new database is used, if there is neither a config.json nor a database yet.

    So you see why no run is listed: the folder is wrong, or there are no runs yet.
    """
    folder = find_working_folder()
    if folder is not None and uri == embedded_uri(folder) and not (folder / EMBEDDED).exists():
        warn_once(
            f"No config.json at or above {Path(path).absolute()}: using the workspace "
            f"{DEFAULT_NAME!r} on {redacted(uri)}, a new database."
        )
