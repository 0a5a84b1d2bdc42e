"""Opens the store at a URI."""

from __future__ import annotations

from amlflow_mlflow.store import Store


def open_store(uri: str) -> Store:
    """The store at a URI. Raises :class:`amlflow.spec.Unavailable`."""
    if uri.startswith(("http:", "https:")):
        # A process loads what its own store needs and no more.
        from amlflow_mlflow.rest.server_store import ServerStore

        return ServerStore(uri)
    # It takes seconds to import.
    from amlflow_mlflow.mlflow_store import MlflowStore

    return MlflowStore(uri)
