"""Opens the store at a URI."""

from __future__ import annotations

from amlflow.parts import check_part
from amlflow.spec import redacted

from amlflow_mlflow.schemes import SERVERS, is_database, scheme_of
from amlflow_mlflow.store import Store


def open_store(uri: str) -> Store:
    """The store at a URI.

    Raises :class:`amlflow.spec.Unavailable`, and :class:`UserErrorException` where MLflow is needed
    and not installed.
    """
    if scheme_of(uri) in SERVERS:
        # A process loads what its own store needs and no more.
        from amlflow_mlflow.rest.server_store import ServerStore

        return ServerStore(uri)
    # As above.
    from amlflow_mlflow.sqlite.store import open_sqlite

    store = open_sqlite(uri)
    if store is not None:
        return store
    packages = () if is_database(uri) else ("mlflow",)
    check_part("local", f"The tracking URI {redacted(uri)!r}", packages=packages)
    # It takes seconds to import.
    from amlflow_mlflow.mlflow_store import MlflowStore

    return MlflowStore(uri)
