"""A run's files as MLflow artifacts, and snapshots as artifacts of runs in an experiment apart."""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from amlflow.spec import FileInRun, FileNotInRun, Refused
from mlflow.entities import RunStatus, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from amlflow_mlflow.calls import Calls
from amlflow_mlflow.names import SNAPSHOT, SNAPSHOTS

OWN = "amlflow"
"""The folder of a run's artifacts that is amlflow's own."""
ARCHIVE = "snapshot.zip"


class Files:
    """Moves files between this machine and the artifact store."""

    def __init__(self, store: Any, call: Calls) -> None:
        self._store, self._call = store, call
        self._places: dict[str, str] = {}

    def _repository(self, run_id: str) -> Any:
        if run_id not in self._places:
            self.remember(self._call.on_run(run_id, lambda: self._store.get_run(run_id)))
        place = self._places[run_id]
        return self._call(lambda: get_artifact_repository(place, tracking_uri=self._call.uri))

    def remember(self, run: Any) -> None:
        """Keep where a run's files are, so that nobody asks again."""
        self._places[run.info.run_id] = run.info.artifact_uri

    def put(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """See :meth:`amlflow.spec.Tracker.put_files`."""
        repository = self._repository(run_id)
        if not replace:
            for folder in {posixpath.dirname(name) for name in files}:
                there = {path for path, is_dir in self._listed(repository, folder) if not is_dir}
                for name in sorted(there & files.keys()):
                    raise FileInRun(run_id, name)
        with tempfile.TemporaryDirectory() as staging:
            # MLflow names an artifact after the local file, so the files are laid out as named.
            for name, path in files.items():
                laid = Path(staging) / name
                laid.parent.mkdir(parents=True, exist_ok=True)
                laid.symlink_to(path.resolve())
            self._call(lambda: repository.log_artifacts(staging))

    def _listed(self, repository: Any, folder: str) -> list[tuple[str, bool]]:
        infos = self._call(lambda: repository.list_artifacts(folder or None))
        return [(info.path, info.is_dir) for info in infos if info.path != folder]

    def names(self, run_id: str, prefix: str = "") -> list[str]:
        """See :meth:`amlflow.spec.Tracker.list_files`."""
        repository = self._repository(run_id)
        found = self._walk(repository, posixpath.dirname(prefix), prefix)
        return sorted(found)

    def _walk(self, repository: Any, folder: str, prefix: str) -> Iterator[str]:
        for path, is_dir in self._listed(repository, folder):
            if path == OWN or path.startswith(f"{OWN}/"):
                continue
            if is_dir and (path.startswith(prefix) or prefix.startswith(f"{path}/")):
                yield from self._walk(repository, path, prefix)
            elif not is_dir and path.startswith(prefix):
                yield path

    def get(self, run_id: str, name: str, destination: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.get_file`."""
        repository = self._repository(run_id)
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                found = repository.download_artifacts(name, dst_path=staging)
            except (MlflowException, OSError) as error:
                folder = posixpath.dirname(name)
                if (name, False) in self._listed(repository, folder):
                    raise Refused(
                        f"The file {name!r} of run {run_id} cannot be read: {error}"
                    ) from error
                raise FileNotInRun(run_id, name) from None
            if os.path.isdir(found):
                raise FileNotInRun(run_id, name)
            shutil.move(found, destination)

    # snapshots

    def _snapshot_run(self, digest: str) -> Any | None:
        experiment = self._call(lambda: self._store.get_experiment_by_name(SNAPSHOTS))
        if experiment is None:
            return None
        found = self._call(
            lambda: self._store.search_runs(
                [experiment.experiment_id],
                f"tags.`{SNAPSHOT}` = '{digest}'",
                ViewType.ACTIVE_ONLY,
                max_results=1,
            )
        )
        return found[0] if found else None

    def has_snapshot(self, digest: str) -> bool:
        """See :meth:`amlflow.spec.Tracker.has_snapshot`."""
        return self._snapshot_run(digest) is not None

    def put_snapshot(self, experiment_id: str, digest: str, archive: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.put_snapshot`; the experiment is that of snapshots."""
        now = int(time.time() * 1000)
        run = self._call(
            lambda: self._store.create_run(experiment_id, "", now, [], f"snapshot {digest[:12]}")
        )
        self.remember(run)
        run_id = run.info.run_id
        self.put(run_id, {ARCHIVE: archive}, replace=True)
        # The tag comes last: an upload that broke off is not taken for a snapshot.
        self._call(lambda: self._store.log_batch(run_id, [], [], [RunTag(SNAPSHOT, digest)]))
        finished = RunStatus.from_string("FINISHED")
        self._call(lambda: self._store.update_run_info(run_id, finished, now, None))

    def get_snapshot(self, digest: str, destination: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.get_snapshot`."""
        run = self._snapshot_run(digest)
        if run is None:
            raise Refused(f"There is no snapshot {digest!r} in this tracker.")
        self.get(run.info.run_id, ARCHIVE, destination)
