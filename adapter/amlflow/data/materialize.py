"""Gives a script the files of a data set: as links if possible, otherwise as copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from amlflow.data.storage import DataFile, fetch
from amlflow.local_paths import local_path_for
from amlflow.systems import IS_WINDOWS


def link_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put files below a folder: links to files of this machine, and copies of all others.

    On Windows, all files are copied. Returns the paths.
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
            if IS_WINDOWS:  # few users may make links there
                shutil.copyfile(source, path)
            else:
                path.symlink_to(source)
        paths.append(path)
    return paths


def copy_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put copies of files below a folder, and return their paths."""
    below.mkdir(parents=True, exist_ok=True)
    return [fetch(file, below, overwrite=True) for file in files]
