"""What the tracker asks of a store.

There are three: MLflow's own for databases and whatever else it has a client of
(:mod:`amlflow_mlflow.mlflow_store`), amlflow's client of a server
(:mod:`amlflow_mlflow.rest.server_store`), which needs nothing of MLflow, and MLflow's default
database (:mod:`amlflow_mlflow.sqlite`), which needs MLflow for some calls only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from amlflow.exceptions import AzureMLException
from amlflow.spec import KnownLimit

from amlflow_mlflow.entities import (
    Experiment,
    FileEntry,
    InputDataset,
    MetricPoint,
    ModelVersion,
    Page,
    Row,
    Run,
    RunInfo,
)
from amlflow_mlflow.errors import NO_TAG, says


class ArtifactStore(Protocol):
    """The files below one root. Raises the errors of its client; callers translate them.

    ``folder`` is the folder of this machine that the root is, or None.
    """

    @property
    def folder(self) -> Path | None: ...

    def list(self, folder: str) -> list[FileEntry]:
        """The files and folders in a folder; ``""`` is the root. A folder that is not there is
        empty."""

    def put(self, files: Mapping[str, Path]) -> None:
        """Store local files by their paths, each replacing what is there."""

    def get(self, path: str, destination: Path) -> bool:
        """Write a file to a local path; False if it is not there."""


class Registry(Protocol):
    """The models of a store."""

    def ensure_model(self, name: str) -> Mapping[str, str]:
        """The tags of the registered model of this name, which is made if there is none."""

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str | None
    ) -> ModelVersion:
        """Make a version."""

    def get_version(self, name: str, version: int) -> ModelVersion:
        """A version. Raises :class:`amlflow.spec.ModelNotFound`, as the calls below do."""

    def search_versions(
        self, condition: str, size: int, order: Sequence[str], token: str | None
    ) -> Page[ModelVersion]:
        """Versions that meet a condition of MLflow's filter language."""

    def describe_version(self, name: str, version: int, description: str) -> None:
        """Set the description."""

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set a tag."""

    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        """Delete a tag."""

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version."""

    def version_location(self, name: str, version: int) -> str:
        """The URI at which the files of a version are."""


class Store(Protocol):
    """Experiments and runs as MLflow has them.

    Raises the contract's errors: :class:`amlflow.spec.RunNotFound` or
    :class:`amlflow.spec.ExperimentNotFound` with the id that is the first argument,
    :class:`amlflow.spec.Refused`, :class:`amlflow.spec.Unavailable`.
    """

    uri: str
    where: str
    """The tracking URI without credentials."""
    threads: int
    """How many calls at once are worth it."""
    is_server: bool
    """Whether what it says is a server's word, and others may write files at the same time."""
    filters_null: bool
    """Whether filters know ``IS NULL``."""
    known_limits: Sequence[KnownLimit]
    """What an older version lacks."""
    is_atomic: bool
    """Whether calls inside :meth:`at_once` are stored together or not at all."""
    dialect: str | None
    """The database's dialect, where :meth:`select` takes SQL; else None."""

    @property
    def registry(self) -> Registry: ...

    def at_once(self) -> AbstractContextManager[object]:
        """Inside it, this thread's calls are one change, if the store :attr:`is_atomic`.

        Other processes wait meanwhile. If an error leaves it, nothing has changed.
        """

    # experiments

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, deleted or not."""

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """Make an experiment; its id."""

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment of this id, deleted or not."""

    def search_experiments(self, size: int, token: str | None) -> Page[Experiment]:
        """All experiments, newest first."""

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Rename an experiment that is not deleted."""

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore an experiment that is deleted."""

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment that is not."""

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag."""

    def check_removes_experiment_tags(self, experiment_id: str) -> None:
        """Raise :class:`amlflow.spec.Unsupported` where :meth:`delete_experiment_tag` would."""

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Delete a tag."""

    # runs

    def create_run(
        self, experiment_id: str, user: str, start_ms: int, tags: Mapping[str, str],
        name: str | None,
    ) -> Run:  # fmt: skip
        """Make a run whose status is RUNNING."""

    def get_run(self, run_id: str) -> Run:
        """The run of this id."""

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""

    def restore_run(self, run_id: str) -> None:
        """Restore a run that is deleted."""

    def update_run_info(self, run_id: str, status: str | None, ended_ms: int | None) -> RunInfo:
        """Set a run's status and its end, of which each may be None: then it stays."""

    def log_batch(
        self, run_id: str, *, metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Store params, metrics and tags; nothing if a param has another value."""

    def log_inputs(self, run_id: str, datasets: Sequence[InputDataset]) -> None:
        """Say which data sets a run reads."""

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag."""

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag."""

    def search_runs(
        self, experiment_ids: Sequence[str], condition: str, *, view: str, size: int,
        order: Sequence[str], token: str | None = None,
    ) -> Page[Run]:  # fmt: skip
        """Runs that meet a condition of MLflow's filter language."""

    def metric_rows(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        """The points of some of a run's metrics, each metric's in order."""

    # this machine

    def select(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        """The rows of a statement with ``:named`` values, where :attr:`dialect` is given."""

    def database(self) -> Path | None:
        """The file that is the database."""

    def open_artifacts(self, root: str) -> ArtifactStore:
        """The files below an artifact URI."""


def remove_tag(delete: Callable[[], None]) -> None:
    """Delete a tag by a call; one that is not there is as good as deleted."""
    try:
        delete()
    except AzureMLException as error:
        if not says(error, NO_TAG):
            raise
