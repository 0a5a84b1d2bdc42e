"""Moves files between this machine and a datastore: streamed, whole, with a progress bar."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.data.errors import explain_errors
from amlflow.data.storage import PARTIAL, Folder, is_local
from amlflow.data.tracker_filesystem import TrackerFileSystem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

BATCH = 100
"""Files that one call to a tracker stores."""
CHUNK = 1 << 20
"""Bytes of a file that are in memory while it is copied."""


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
        ending = f".{uuid.uuid4().hex}{PARTIAL}"
        for batch in _batches(targets, BATCH if isinstance(folder.fs, TrackerFileSystem) else 1):
            _put(batch, folder, ending)
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


def _put(batch: Mapping[str, Path], folder: Folder, ending: str) -> None:
    if isinstance(folder.fs, TrackerFileSystem):
        folder.fs.put_all(batch)
        return
    for path, local in batch.items():
        if is_local(folder.fs):
            _copy(local, path, ending)
        elif _renames(folder.fs):
            _put_renamed(folder.fs, local, path, ending)
        else:  # mostly a cloud's, where an object is there when all of it is
            folder.fs.put_file(str(local), path)


def _renames(fs: AbstractFileSystem) -> bool:
    """Whether files have folders and can be renamed, as by SFTP; there they are seen as they grow.

    fsspec's own ``mv`` copies and removes.
    """
    # fsspec is loaded when data is moved.
    from fsspec import AbstractFileSystem

    return not fs.async_impl and type(fs).mv is not AbstractFileSystem.mv


def _put_renamed(fs: AbstractFileSystem, local: Path, path: str, ending: str) -> None:
    """Store a file under another name until it is whole, as :func:`_copy` does."""
    parent, slash, name = path.rpartition("/")
    staging = f"{parent}{slash}.{name[:180]}{ending}"
    try:
        if parent:
            fs.makedirs(parent, exist_ok=True)
        fs.put_file(str(local), staging)
        try:
            fs.mv(staging, path)
        except FileExistsError:  # SMB renames to no name that is taken
            fs.rm_file(path)
            fs.mv(staging, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fs.rm_file(staging)
        raise


def _copy(source: Path, target: str, ending: str) -> None:
    """Copy a file so that others see it whole: fsspec's own copy is seen as it grows.

    It has another name until it is whole, with an ``ending`` that no other copy has.
    """
    # Texts, as making paths of them takes as long as copying a small file. shutil.copyfile() looks
    # four times what the two are, which takes as long, too.
    folder, name = os.path.split(target)
    staging = os.path.join(folder, f".{name[:180]}{ending}")
    try:
        with open(source, "rb", buffering=0) as reader:
            try:
                writer = open(staging, "xb")  # noqa: SIM115
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
                writer = open(staging, "xb")  # noqa: SIM115
            with writer:
                shutil.copyfileobj(reader, writer, CHUNK)
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
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # A notebook without ipywidgets would show in red that the bar is a text.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm

    with tqdm(total=total, desc=what, unit="file", file=sys.stdout, leave=True) as bar:
        yield bar.update


def progress_of_download(total: int, show: bool) -> Any:
    """The bar for files that are downloaded."""
    return _progress("Downloading", total, show)
