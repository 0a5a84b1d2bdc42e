"""Snapshots as artifacts of an experiment apart: a folder for each, named after its content.

They belong to no run, so that storing one takes no more than its upload.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlflow.spec import ExperimentRecord, Refused
from mlflow.exceptions import MlflowException

from amlflow_mlflow.errors import translated
from amlflow_mlflow.proxied_artifacts import open_repository
from amlflow_mlflow.spelling import SNAPSHOTS, shorten
from amlflow_mlflow.store import Store

ARCHIVE = "snapshot.zip"
STORED = "stored"
"""An empty file that is put last: an upload that broke off is not taken for a snapshot."""


class Snapshots:
    """The snapshots of one store; ``ensure`` makes an experiment."""

    def __init__(self, store: Store, ensure: Callable[[str], ExperimentRecord]) -> None:
        self._store, self._ensure = store, ensure
        self._location: str | None = None

    def _repository(self, digest: str, *, make: bool = False) -> Any | None:
        """Where a snapshot is, or None where no snapshot is stored yet."""
        if not re.fullmatch("[0-9A-Za-z]+", digest):
            raise Refused(
                f"{shorten(digest)!r} is not the digest of a snapshot, which has letters and "
                "digits."
            )
        if self._location is None:
            if make:
                self._ensure(SNAPSHOTS)
            experiment = self._store.get_experiment_by_name(SNAPSHOTS)
            if experiment is None:
                return None
            self._location = str(experiment.artifact_location)
        with translated(self._store.uri):
            return open_repository(f"{self._location.rstrip('/')}/{digest}", self._store)

    def has(self, digest: str) -> bool:
        """See :meth:`amlflow.spec.Tracker.has_snapshot`."""
        repository = self._repository(digest)
        if repository is None:
            return False
        with translated(self._store.uri, files=f"snapshot {digest}"):
            return any(info.path == STORED for info in repository.list_artifacts())

    def put(self, digest: str, archive: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.put_snapshot`."""
        repository: Any = self._repository(digest, make=True)
        with tempfile.TemporaryDirectory() as staging:
            # MLflow names an artifact after the local file.
            laid = Path(staging) / ARCHIVE
            laid.symlink_to(archive.resolve())
            mark = Path(staging) / STORED
            mark.touch()
            for path in (laid, mark):
                with translated(self._store.uri, files=f"snapshot {digest}"):
                    repository.log_artifact(str(path))

    def get(self, digest: str, destination: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.get_snapshot`."""
        repository = self._repository(digest) if self.has(digest) else None
        if repository is None:
            raise Refused(f"Snapshot {digest!r} does not exist in this tracker.")
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                path = repository.download_artifacts(ARCHIVE, dst_path=staging)
            except (MlflowException, OSError) as error:
                raise Refused(f"The snapshot {digest!r} cannot be read: {error}") from error
            shutil.move(path, destination)
