"""Snapshots as artifacts of a separate experiment: a folder for each, named after its content.

They do not belong to a run, so no run has to be created for a snapshot.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from amlflow.spec import ExperimentRecord, Refused, Unavailable

from amlflow_mlflow.errors import translate_errors
from amlflow_mlflow.own_paths import check_experiment_folder, is_empty
from amlflow_mlflow.spelling import SNAPSHOTS, shorten
from amlflow_mlflow.store import ArtifactStore, Store

ARCHIVE = "snapshot.zip"
STORED = "stored"
"""An empty file that is stored last. Without it, the upload was interrupted."""


class Snapshots:
    """The snapshots of one store. ``ensure`` creates an experiment if it does not exist."""

    def __init__(self, store: Store, ensure: Callable[[str], ExperimentRecord]) -> None:
        self._store, self._ensure = store, ensure
        self._location: str | None = None

    def _artifacts(self, digest: str, *, make: bool = False) -> ArtifactStore | None:
        """Open the files of a snapshot. None if no snapshot was ever stored."""
        if not re.fullmatch("[0-9A-Za-z]+", digest):
            raise Refused(
                f"{shorten(digest)!r} is not the digest of a snapshot, which has letters and "
                "digits."
            )
        if self._location is None:
            if make:
                self._ensure(SNAPSHOTS)
            experiment = self._store.get_experiment_by_name(SNAPSHOTS)
            location = (experiment and experiment.artifact_location) or ""
            if experiment is None or is_empty(location):
                return None
            if self._store.is_server:
                check_experiment_folder(location, experiment.experiment_id)
            self._location = location
        with translate_errors(self._store.uri):
            return self._store.open_artifacts(f"{self._location.rstrip('/')}/{digest}")

    def has(self, digest: str) -> bool:
        """Do what :meth:`amlflow.spec.Tracker.has_snapshot` does."""
        artifacts = self._artifacts(digest)
        if artifacts is None:
            return False
        with translate_errors(self._store.uri, files=f"snapshot {digest}"):
            return any(entry.path == STORED for entry in artifacts.list(""))

    def put(self, digest: str, archive: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.put_snapshot` does."""
        artifacts = self._artifacts(digest, make=True)
        if artifacts is None:
            raise Unavailable(f"The experiment {SNAPSHOTS!r} was removed from MLflow meanwhile.")
        with translate_errors(self._store.uri, files=f"snapshot {digest}"):
            if artifacts.folder is not None:  # files get their names there in the order of the call
                artifacts.put({ARCHIVE: archive, STORED: Path(os.devnull)})
                return
            with tempfile.TemporaryDirectory() as staging:
                mark = Path(staging) / STORED
                mark.touch()
                artifacts.put({ARCHIVE: archive})
                artifacts.put({STORED: mark})

    def get(self, digest: str, destination: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.get_snapshot` does."""
        artifacts = self._artifacts(digest) if self.has(digest) else None
        if artifacts is None:
            raise Refused(f"Snapshot {digest!r} does not exist in this tracker.")
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            copy = Path(staging) / ARCHIVE
            with translate_errors(self._store.uri, files=f"snapshot {digest}"):
                is_there = artifacts.get(ARCHIVE, copy)
            if not is_there:
                raise Refused(f"Snapshot {digest!r} was removed from this tracker's files.")
            shutil.move(copy, destination)
