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

from amlflow_mlflow.calls import Calls
from amlflow_mlflow.files import stored
from amlflow_mlflow.proxied_artifacts import open_repository
from amlflow_mlflow.spelling import SNAPSHOTS, shortened

ARCHIVE = "snapshot.zip"
STORED = "stored"
"""An empty file that is put last: an upload that broke off is not taken for a snapshot."""


class Snapshots:
    """The snapshots of one store; ``ensure`` makes an experiment."""

    def __init__(self, store: Any, call: Calls, ensure: Callable[[str], ExperimentRecord]) -> None:
        self._store, self._call, self._ensure = store, call, ensure
        self._place: str | None = None

    def _repository(self, digest: str, *, make: bool = False) -> Any | None:
        """Where a snapshot is, or None where no snapshot is stored yet."""
        if not re.fullmatch("[0-9A-Za-z]+", digest):
            raise Refused(
                f"{shortened(digest)!r} is not the digest of a snapshot, which has letters and "
                "digits."
            )
        if self._place is None:
            if make:
                self._ensure(SNAPSHOTS)
            found = self._call(lambda: self._store.get_experiment_by_name(SNAPSHOTS))
            if found is None:
                return None
            self._place = str(found.artifact_location)
        place = f"{self._place.rstrip('/')}/{digest}"
        return self._call(lambda: open_repository(place, self._call.uri, self._store))

    def has(self, digest: str) -> bool:
        """See :meth:`amlflow.spec.Tracker.has_snapshot`."""
        repository = self._repository(digest)
        if repository is None:
            return False
        with stored(f"snapshot {digest}"):
            return any(info.path == STORED for info in self._call(repository.list_artifacts))

    def put(self, digest: str, archive: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.put_snapshot`."""
        repository = self._repository(digest, make=True)
        with tempfile.TemporaryDirectory() as staging:
            # MLflow names an artifact after the local file.
            laid = Path(staging) / ARCHIVE
            laid.symlink_to(archive.resolve())
            mark = Path(staging) / STORED
            mark.touch()
            for path in (laid, mark):
                with stored(f"snapshot {digest}"):
                    self._call(lambda path=path: repository.log_artifact(str(path)))  # type: ignore[misc,union-attr]

    def get(self, digest: str, destination: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.get_snapshot`."""
        repository = self._repository(digest) if self.has(digest) else None
        if repository is None:
            raise Refused(f"Snapshot {digest!r} does not exist in this tracker.")
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                found = repository.download_artifacts(ARCHIVE, dst_path=staging)
            except (MlflowException, OSError) as error:
                raise Refused(f"The snapshot {digest!r} cannot be read: {error}") from error
            shutil.move(found, destination)
