"""Gives a script the files of a data set: as links where it can, else as copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from amlflow.data.storage import DataFile, fetch
from amlflow.local_paths import local_path_for
from amlflow.systems import IS_WINDOWS


def link_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put links to files of this machine, and copies of others, below a folder.

    On Windows all are copies.
    """
    below.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in files:
        source = file.local_path
        if source is None:
            path = fetch(file, below, overwrite=True)
        else:
            path = local_path_for(file.name, below)
            path.parent.mkdir(parents=True, exist_ok=True)
            if IS_WINDOWS:  # where few users may make links
                shutil.copyfile(source, path)
            else:
                path.symlink_to(source)
        paths.append(path)
    return paths


def copy_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put copies of files below a folder."""
    below.mkdir(parents=True, exist_ok=True)
    return [fetch(file, below, overwrite=True) for file in files]
