"""Base classes of datastores and data sets, so that paths and inputs need not import them.

Datastores and data sets make paths and inputs, so they import those modules.
"""

from __future__ import annotations

from amlflow.core.store import WorkspaceBase


class DatastoreBase:
    """A named place for files."""

    workspace: WorkspaceBase
    name: str


class DatasetBase:
    """Files or a table."""


class ScriptArgument:
    """Data as an argument of a script.

    Its text is a placeholder. When the data is in place, the data's path replaces it.
    """
