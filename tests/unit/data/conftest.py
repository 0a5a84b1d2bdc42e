"""Fixtures: a workspace whose tracker is in memory and whose datastores are folders."""

from helpers.data_fixtures import datastore, tracker, workspace, write

__all__ = ["datastore", "tracker", "workspace", "write"]
