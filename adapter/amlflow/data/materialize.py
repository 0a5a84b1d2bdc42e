"""Gives a script the files of a data set: as links if possible, otherwise as copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from amlflow.data.storage import DataFile, fetch
from amlflow.local_paths import LocalPaths, make_folder
from amlflow.systems import IS_WINDOWS


def link_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put files below a folder: links to files of this machine, and copies of all others.

    On Windows, all files are copied. Returns the paths.
    """
    make_folder(below)
    local_paths, paths = LocalPaths(below), []
    for file in files:
        source, path = file.local_path, local_paths.path_for(file.name)
        if source is None:
            fetch(file, path)
        else:
            make_folder(path.parent)
            if IS_WINDOWS:  # few users may make links there
                shutil.copyfile(source, path)
            else:
                path.symlink_to(source)
        paths.append(path)
    return paths


def copy_files(files: Iterable[DataFile], below: Path) -> list[Path]:
    """Put copies of files below a folder, and return their paths."""
    make_folder(below)
    local_paths = LocalPaths(below)
    return [fetch(file, local_paths.path_for(file.name)) for file in files]
