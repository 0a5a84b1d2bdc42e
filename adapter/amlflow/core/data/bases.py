"""What paths and inputs use of datastores and data sets, which in turn make paths and inputs."""

from __future__ import annotations

from amlflow.core.store import WorkspaceBase


class DatastoreBase:
    """A named place for files."""

    workspace: WorkspaceBase
    name: str


class DatasetBase:
    """Files or a table."""
