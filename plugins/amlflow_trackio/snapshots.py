"""Snapshots: an archive for each. It is named after its content, and several runs may use it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from amlflow.spec import Refused

from amlflow_trackio.folders import OWN


class Snapshots:
    """The snapshots of one trackio folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / OWN / "snapshots"

    def _path(self, digest: str) -> Path:
        if not re.fullmatch("[0-9A-Za-z]+", digest):
            raise Refused(f"{digest!r} is not a snapshot's digest, which has letters and digits.")
        return self._folder / f"{digest}.zip"

    def has(self, digest: str) -> bool:
        """Do what :meth:`amlflow.spec.Tracker.has_snapshot` does."""
        return self._path(digest).is_file()

    def put(self, digest: str, archive: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.put_snapshot` does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as staging:
            shutil.copyfile(archive, Path(staging) / "copy")
            os.replace(Path(staging) / "copy", self._path(digest))

    def get(self, digest: str, destination: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.get_snapshot` does."""
        if not self.has(digest):
            raise Refused(f"Snapshot {digest!r} does not exist in this tracker.")
        shutil.copyfile(self._path(digest), destination)
