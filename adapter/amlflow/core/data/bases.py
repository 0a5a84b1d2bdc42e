"""What paths and inputs use of datastores and data sets, which in turn make paths and inputs."""

from __future__ import annotations

from amlflow.core.store import WorkspaceBase


class DatastoreBase:
    """A named place for files."""

    workspace: WorkspaceBase
    name: str


class DatasetBase:
    """Files or a table."""


class ScriptArgument:
    """Data as an argument of a script; its text stands for it until it is in place."""
