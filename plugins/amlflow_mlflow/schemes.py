"""The schemes of tracking URIs that MLflow accepts. Imports nothing of MLflow."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from urllib.parse import unquote

from amlflow.installed import entry_points_of

DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
SQLITE = "sqlite:///"
SERVERS = frozenset({"http", "https"})
OWN = DATABASES | SERVERS | {"file", "databricks"}
PLUGINS = "mlflow.tracking_store"
"""The group of entry points that add a store to MLflow. Each is named after its scheme."""


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI, without a driver: "postgresql" for ``postgresql+psycopg:``."""
    return uri.partition(":")[0].partition("+")[0]


def is_known(uri: str) -> bool:
    """Whether MLflow, or a package that adds a store to it, accepts a URI."""
    scheme, whole = scheme_of(uri), uri.partition(":")[0]  # only databases have drivers
    is_own = scheme in DATABASES or whole in OWN
    return is_own or not _plugin_schemes().isdisjoint({scheme, whole})


@functools.cache
def _plugin_schemes() -> frozenset[str]:
    """List the schemes of installed packages. Cached, since it takes 10 ms."""
    return frozenset(entry.name for entry in entry_points_of(PLUGINS))


def is_database(uri: str) -> bool:
    """Whether a URI is that of a database."""
    return scheme_of(uri) in DATABASES


def sqlite_path(uri: str) -> Path:
    """Return the file of the database at a URI that begins with :data:`SQLITE`."""
    path = unquote(uri.removeprefix(SQLITE))
    # SQLite reads two leading slashes as the beginning of a machine's name.
    return Path(re.sub("^//+", "/", path) if os.name == "posix" else path)


def is_elsewhere(uri: str) -> bool:
    """Whether another package or Databricks has the store. Then it has no files on this machine."""
    return scheme_of(uri) not in OWN - {"databricks"}
