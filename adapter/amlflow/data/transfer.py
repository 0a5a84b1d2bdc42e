"""Stores files of this machine in a datastore: streamed, whole, and with a progress bar."""

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
"""The number of files that one call to a tracker stores."""
CHUNK = 1 << 20
"""The number of bytes of a file that are in memory while it is copied."""


def put_files(
    files: Mapping[str, Path], folder: Folder, *, overwrite: bool, show_progress: bool
) -> int:
    """Store local files by their names below a folder, and return how many were stored.

    A file that is there already is skipped, unless ``overwrite`` is True. A file is stored whole or
    not at all. So after an interrupted call, the next call skips the files that are stored.

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
        temporary = f".{uuid.uuid4().hex}{PARTIAL}"
        for batch in _batches(targets, BATCH if isinstance(folder.fs, TrackerFileSystem) else 1):
            _put(batch, folder, temporary)
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


def _put(batch: Mapping[str, Path], folder: Folder, temporary: str) -> None:
    if isinstance(folder.fs, TrackerFileSystem):
        folder.fs.put_all(batch)
        return
    for path, local in batch.items():
        if is_local(folder.fs):
            _copy(local, path, temporary)
        elif _renames(folder.fs):
            _put_renamed(folder.fs, local, path, temporary)
        else:  # mostly a cloud's: there, an object appears when it is complete
            folder.fs.put_file(str(local), path)


def _renames(fs: AbstractFileSystem) -> bool:
    """Whether the file system can rename files, as SFTP can.

    In such a file system, readers see a file while it is being written. Other file systems have
    only fsspec's ``mv``, which copies and removes.
    """
    # fsspec is only loaded when data is moved.
    from fsspec import AbstractFileSystem

    return not fs.async_impl and type(fs).mv is not AbstractFileSystem.mv


def _put_renamed(fs: AbstractFileSystem, local: Path, path: str, temporary: str) -> None:
    """Store a file under a temporary name, and rename it when it is whole, as in :func:`_copy`."""
    parent, slash, _ = path.rpartition("/")
    staging = f"{parent}{slash}{temporary}"
    try:
        if parent:
            fs.makedirs(parent, exist_ok=True)
        fs.put_file(str(local), staging)
        try:
            fs.mv(staging, path)
        except FileExistsError:  # SMB does not replace a file when it renames another
            fs.rm_file(path)
            fs.mv(staging, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fs.rm_file(staging)
        raise


def _copy(source: Path, target: str, temporary: str) -> None:
    """Copy a file so that readers never see a part of it. With fsspec's own copy, they can.

    Until it is whole, the copy has a temporary name, which no other file has.
    """
    # Paths are texts here, because making Path objects takes as long as copying a small file.
    # shutil.copyfile() checks the two paths four times, which takes as long, too.
    folder = os.path.dirname(target)
    staging = os.path.join(folder, temporary)
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
    """Show a bar that counts files, if ``show`` is set. Yields the function that advances it."""
    if not show or not total:
        yield lambda count: None
        return
    # Only a call with show_progress needs it.
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # Without ipywidgets, a notebook would show a red warning that the bar is a text.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm  # the import warns

    with tqdm(total=total, desc=what, unit="file", file=sys.stdout, leave=True) as bar:
        yield bar.update


def progress_of_download(total: int, show: bool) -> Any:
    """Show the bar for downloaded files. Yields the function that advances it."""
    return _progress("Downloading", total, show)
