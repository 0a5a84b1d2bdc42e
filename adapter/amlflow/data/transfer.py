"""Moves files between this machine and a datastore: streamed, whole, with a progress bar."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from amlflow.data.errors import explain_errors
from amlflow.data.storage import Folder, is_local
from amlflow.data.tracker_filesystem import TrackerFileSystem

BATCH = 100
"""Files that one call to a tracker stores."""


def put_files(
    files: Mapping[str, Path], folder: Folder, *, overwrite: bool, show_progress: bool
) -> int:
    """Store local files by their names below a folder; how many were stored is returned.

    A file that is there is left as it is, unless ``overwrite``. A file is there whole or not at
    all, and one that an interrupted call has stored is skipped by the next.

    Raises:
        DatasetExecutionError: the storage refuses or does not answer.
    """
    targets = {folder.path(name): path for name, path in files.items()}
    if not overwrite:
        taken = _find_taken(folder, targets)
        for path in taken:
            if show_progress:
                print(f"Target already exists. Skipping upload for {targets[path]}")
        targets = {path: local for path, local in targets.items() if path not in taken}
    with (
        _progress("Uploading", len(targets), show_progress) as advance,
        explain_errors("Uploading to", folder.address),
    ):
        for batch in _batches(targets, BATCH if isinstance(folder.fs, TrackerFileSystem) else 1):
            _put(batch, folder)
            advance(len(batch))
    return len(targets)


def _find_taken(folder: Folder, targets: Mapping[str, Path]) -> set[str]:
    if is_local(folder.fs):
        return {path for path in targets if os.path.exists(path)}
    common = os.path.commonpath(targets) if targets else ""
    with explain_errors("Reading", folder.address):
        try:
            names = folder.fs.find(common if len(targets) > 1 else next(iter(targets), ""))
        except FileNotFoundError:
            names = []
    return set(targets) & set(names)


def _put(batch: Mapping[str, Path], folder: Folder) -> None:
    if isinstance(folder.fs, TrackerFileSystem):
        folder.fs.put_all(batch)
        return
    for path, local in batch.items():
        if is_local(folder.fs):
            _copy(local, path)
        else:
            folder.fs.put_file(str(local), path)


def _copy(source: Path, target: str) -> None:
    """Copy a file so that others see it whole: fsspec's own copy is seen as it grows."""
    # Texts, as making paths of them takes as long as copying a small file.
    folder, name = os.path.split(target)
    staging = os.path.join(folder, f".{name[:200]}.{uuid.uuid4().hex}")
    try:
        try:
            shutil.copyfile(source, staging)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            shutil.copyfile(source, staging)
        os.replace(staging, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staging)
        raise


def _batches(targets: Mapping[str, Path], size: int) -> Iterator[dict[str, Path]]:
    items = iter(targets.items())
    while batch := dict(islice(items, size)):
        yield batch


@contextlib.contextmanager
def _progress(what: str, total: int, show: bool) -> Iterator[Any]:
    """A bar that counts files, where somebody may look at it."""
    if not show or not total:
        yield lambda count: None
        return
    # Only a call with show_progress needs it.
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=what, unit="file", file=sys.stdout, leave=True) as bar:
        yield bar.update


def progress_of_download(total: int, show: bool) -> Any:
    """The bar for files that are downloaded."""
    return _progress("Downloading", total, show)
