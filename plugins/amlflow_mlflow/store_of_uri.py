"""Opens the store at a URI."""

from __future__ import annotations

from amlflow.parts import check_part
from amlflow.spec import redacted

from amlflow_mlflow.schemes import SERVERS, is_database, scheme_of
from amlflow_mlflow.store import Store


def open_store(uri: str) -> Store:
    """Open the store at a URI.

    Raises :class:`amlflow.spec.Unavailable`, and :class:`UserErrorException` if MLflow is needed
    but not installed.
    """
    if scheme_of(uri) in SERVERS:
        # Imported here, so that a process only loads what its own store needs.
        from amlflow_mlflow.rest.server_store import ServerStore

        return ServerStore(uri)
    # Imported here, so that a process only loads what its own store needs.
    from amlflow_mlflow.sqlite.store import open_sqlite

    store = open_sqlite(uri)
    if store is not None:
        return store
    packages = () if is_database(uri) else ("mlflow",)
    check_part("local", f"The tracking URI {redacted(uri)!r}", packages=packages)
    # It takes seconds to import.
    from amlflow_mlflow.mlflow_store import MlflowStore

    return MlflowStore(uri)
