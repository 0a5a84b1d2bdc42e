"""The files and folders of this machine in which MLflow keeps what it stores."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ARTIFACTS = "mlruns"
"""The folder beside a database in which the files of runs are kept, unless another is chosen."""


def own_paths(database: Path | None, locations: Iterable[str]) -> list[Path]:
    """A database, if it is a file, and where the files of experiments are, if it is here."""
    folders = {path for each in locations if (path := local_folder(each)) is not None}
    if database is None:
        return sorted(folders)
    artifacts = database.with_name(ARTIFACTS)
    return [database, artifacts, *sorted(each for each in folders if artifacts not in each.parents)]


def local_folder(location: str) -> Path | None:
    """The folder of this machine that a location names, or None if it is elsewhere."""
    if location.startswith("file:"):
        return Path(unquote(urlsplit(location).path)).absolute()
    if not location or re.match(r"[A-Za-z][A-Za-z0-9+.\-]+:", location):
        return None
    return Path(location).absolute()


def file_store_paths(folder: Path) -> Iterator[Path]:
    """The folder of MLflow's file store, and those of its experiments."""
    yield folder
    if folder.is_dir():
        for entry in os.scandir(folder):
            if entry.name in (".trash", "models") or os.path.exists(f"{entry.path}/meta.yaml"):
                yield Path(entry.path)
