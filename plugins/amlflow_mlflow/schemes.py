"""The schemes of the tracking URIs that MLflow takes. Imports nothing of MLflow."""

from __future__ import annotations

import functools
import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote

DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
SQLITE = "sqlite:///"
SERVERS = frozenset({"http", "https"})
OWN = DATABASES | SERVERS | {"file", "databricks"}
PLUGINS = "mlflow.tracking_store"
"""The entry points of packages that add a store to MLflow, each named after its scheme."""


def scheme_of(uri: str) -> str:
    """The scheme of a URI, without a database's driver: ``postgresql+psycopg:`` has two names."""
    return uri.partition(":")[0].partition("+")[0]


def is_known(uri: str) -> bool:
    """Whether MLflow takes a URI, by itself or by a package that adds a store to it."""
    scheme = scheme_of(uri)
    return scheme in OWN or not _plugin_schemes().isdisjoint({scheme, uri.partition(":")[0]})


@functools.cache
def _plugin_schemes() -> frozenset[str]:
    """The schemes of installed packages. Looking through all packages takes 10 ms."""
    return frozenset(entry.name for entry in entry_points(group=PLUGINS))


def is_database(uri: str) -> bool:
    """Whether a URI is that of a database."""
    return scheme_of(uri) in DATABASES


def sqlite_path(uri: str) -> Path:
    """The file of the database at a URI that begins with :data:`SQLITE`."""
    path = unquote(uri.removeprefix(SQLITE))
    # SQLite takes two slashes in front for the name of a machine.
    return Path(re.sub("^//+", "/", path) if os.name == "posix" else path)


def is_elsewhere(uri: str) -> bool:
    """Whether the store at a URI is another package's or Databricks', which keeps no files here."""
    return scheme_of(uri) not in OWN - {"databricks"}
