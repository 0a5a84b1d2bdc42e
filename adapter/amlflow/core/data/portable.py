"""Changes a definition so that other machines can read it: uploads its local files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amlflow.core.data import declared
from amlflow.core.data.datastore import datastores_of
from amlflow.core.store import WorkspaceBase
from amlflow.data.definition import Definition, Source, check_for_tracker
from amlflow.data.storage import DataFile

logger = logging.getLogger("amlflow")

BLOCK = 1 << 20
"""How many bytes are read at once."""
MANAGED = "managed-dataset"
"""The folder of uploaded files in the default datastore, as in v1."""


def to_portable(definition: Definition, workspace: WorkspaceBase) -> Definition:
    """Replace local paths in a definition by paths in datastores.

    A local path that is inside of a datastore's folder becomes a path of that datastore. The files
    of other local paths are uploaded to the default datastore.
    """
    check_for_tracker(definition)
    sources = tuple(
        _to_store_path(source, definition, workspace) if source.is_local else source
        for source in definition.sources
    )
    return replace(definition, sources=sources)


def _to_store_path(source: Source, definition: Definition, workspace: WorkspaceBase) -> Source:
    # fsspec is loaded when data is moved.
    from amlflow.data.transfer import put_files

    path = Path(source.path).expanduser().absolute()
    stores = datastores_of(workspace)
    for name, address in declared.read_all(workspace).items():
        folder = stores.open(name).local_path if declared.is_folder(address) else None
        if folder is not None and path.is_relative_to(folder):
            return Source(name, path.relative_to(folder).as_posix())
    files = stores.files(replace(definition, sources=(source,), steps=()))
    target = f"{MANAGED}/{_fingerprint(files)}"
    default = declared.default_name(workspace)
    named = {f"{target}/{file.name}": Path(file.path) for file in files}
    count = put_files(named, stores.open(default), overwrite=False, show_progress=False)
    logger.info("%d files of %s are now in %s/%s.", count, source.path, default, target)
    is_single = len(files) == 1 and path.is_file()
    return Source(default, f"{target}/{files[0].name}" if is_single else target)


def _fingerprint(files: Sequence[DataFile]) -> str:
    """A hash of the names and contents of files, so that the same files are stored once."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        with file.open() as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()[:32]
