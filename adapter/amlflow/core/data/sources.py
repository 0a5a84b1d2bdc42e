"""Parses the ``path`` of a data set: a datastore path, local path, web address, or a list."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from amlflow.core.data.datapath import DataPath, DataReference
from amlflow.core.data.datastore import AbstractDatastore
from amlflow.core.store import WorkspaceBase
from amlflow.data.definition import Source, is_web
from amlflow.exceptions import UserErrorException
from amlflow.working_folder import absolute_path

_FORMS = (
    "use a tuple (datastore, 'folder/*.csv'), datastore.path('folder'), a DataPath, a local path, "
    "a web address, or a list of these"
)


def to_sources(path: Any) -> tuple[tuple[Source, ...], WorkspaceBase | None]:
    """Return the sources of a path, and the workspace of its datastores (None without datastores).

    Raises:
        UserErrorException: it is not a path, or its datastores are in several workspaces.
    """
    is_pair = isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], AbstractDatastore)
    if isinstance(path, tuple) and not is_pair:
        raise UserErrorException(f"The tuple {path!r} is not (datastore, path): {_FORMS}.")
    paths = list(path) if isinstance(path, list) else [path]
    if not paths:
        raise UserErrorException(f"The path of the data set is an empty list: {_FORMS}.")
    sources: list[Source] = []
    workspaces: set[WorkspaceBase] = set()
    for item in paths:
        store, text = _split(item)
        if store is None:
            sources.append(_outside(text))
            continue
        workspaces.add(store.workspace)
        for part in text if isinstance(text, list) else [text]:
            # As in v1, a backslash means the same as a slash: code on Windows writes it.
            name = part.replace("\\", "/").strip().lstrip("/")
            sources.append(Source(store.name, name))
    if len(workspaces) > 1:
        raise UserErrorException(
            "The datastores of a data set must be in one workspace, but these are in "
            f"{len(workspaces)}: {', '.join(sorted(repr(item.name) for item in workspaces))}."
        )
    return tuple(sources), next(iter(workspaces), None)


def _split(item: Any) -> tuple[AbstractDatastore | None, Any]:
    if isinstance(item, (DataReference, DataPath)):
        return _require_datastore(item.datastore), item.path_on_datastore or ""
    if isinstance(item, AbstractDatastore):
        return item, ""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], AbstractDatastore):
        store, text = item
        parts = text if isinstance(text, list) else [text]
        if not all(isinstance(part, str) for part in parts):
            raise UserErrorException(f"The path {text!r} in the datastore is not a text: {_FORMS}.")
        return store, text
    if isinstance(item, (str, os.PathLike)) and str(item):
        return None, os.fspath(item)
    raise UserErrorException(f"{item!r} is not a path of a data set: {_FORMS}.")


def _require_datastore(store: Any) -> AbstractDatastore:
    if not isinstance(store, AbstractDatastore):
        raise UserErrorException(
            f"A DataPath without a datastore is not a path of a data set: {_FORMS}."
        )
    return store


def _outside(text: str) -> Source:
    """A web address, or an absolute local path."""
    if is_web(text):
        return Source(None, text)
    scheme = urlsplit(text).scheme
    if scheme == "file":
        # urllib.request takes long to import, and few paths begin with file:.
        from urllib.request import url2pathname

        return Source(None, url2pathname(urlsplit(text).path))
    if "://" in text:
        raise UserErrorException(
            f"Addresses that begin with {scheme}: need a datastore. Attach one with `amlflow "
            "datastore attach`, and pass (datastore, 'path')."
        )
    return Source(None, str(absolute_path(os.path.expanduser(text))))
