"""The interface of a store, as the tracker uses it.

There are three stores:

* :mod:`amlflow_mlflow.mlflow_store`: MLflow's own stores, for databases and MLflow's plugins.
* :mod:`amlflow_mlflow.rest.server_store`: amlflow's client of a server. It does not need MLflow.
* :mod:`amlflow_mlflow.sqlite`: MLflow's default database. It needs MLflow for some calls only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from amlflow.exceptions import AzureMLException
from amlflow.spec import KnownLimit
from amlflow.tracker_data import leave_out, show_value

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

MAX_FOLDERS = 100
"""How deep the folders may be nested that are listed. A server can nest them without an end."""


def keep_folder(owner: str, path: str) -> bool:
    """Whether a folder of a run or model is listed. If not, the log says that it is left out."""
    is_kept = path.count("/") < MAX_FOLDERS
    if not is_kept:
        leave_out(owner, "a folder", f"at most {MAX_FOLDERS} folders deep", show_value(path))
    return is_kept


class ArtifactStore(Protocol):
    """The files in one root. Methods raise the errors of a client, and callers translate these.

    ``folder`` is the root if it is a folder of this machine, and None otherwise.
    """

    @property
    def folder(self) -> Path | None: ...

    def list(self, folder: str) -> list[FileEntry]:
        """List the files and folders in a folder. ``""`` is the root. A missing folder is empty."""

    def put(self, files: Mapping[str, Path]) -> None:
        """Store local files at these paths. Existing files are replaced."""

    def get(self, path: str, destination: Path) -> bool:
        """Write a file to a local path. Returns False if the file does not exist."""

    def read_beginning(self, path: str, count: int) -> bytes | None:
        """Return the first bytes of a file. None if it has to be read with :meth:`get`."""


class Registry(Protocol):
    """The models of a store."""

    def ensure_model(self, name: str) -> Mapping[str, str]:
        """Return the tags of the registered model with this name. Creates the model if needed."""

    def create_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str | None
    ) -> ModelVersion:
        """Create a version."""

    def get_version(self, name: str, version: int) -> ModelVersion:
        """Return a version. Raises :class:`amlflow.spec.ModelNotFound`, as the next methods do."""

    def search_versions(
        self, condition: str, size: int, order: Sequence[str], token: str | None
    ) -> Page[ModelVersion]:
        """Find versions that meet a condition of MLflow's filter language."""

    def describe_version(self, name: str, version: int, description: str) -> None:
        """Set the description."""

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set a tag."""

    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        """Delete a tag."""

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version."""

    def version_location(self, name: str, version: int) -> str:
        """Return the URI of a version's files."""


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
    """How many calls to make at the same time. More would not be faster."""
    is_server: bool
    """Whether the store is a server, so its paths are not trusted and others may write files."""
    filters_null: bool
    """Whether filters know ``IS NULL``."""
    known_limits: Sequence[KnownLimit]
    """The limits of an older version."""
    is_atomic: bool
    """Whether calls inside :meth:`at_once` are stored together or not at all."""
    dialect: str | None
    """The database's dialect for :meth:`select`. None if the store does not accept SQL."""

    @property
    def registry(self) -> Registry: ...

    def at_once(self) -> AbstractContextManager[object]:
        """Make this thread's calls in the block one change, if the store :attr:`is_atomic`.

        Other processes wait until the block ends. If the block raises an error, nothing changes.
        """

    # experiments

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment with this name, also a deleted one; None if there is none."""

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """Create an experiment. Return its id."""

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return the experiment with this id, also a deleted one."""

    def search_experiments(self, size: int, token: str | None) -> Page[Experiment]:
        """List all experiments, newest first."""

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Rename an experiment that is not deleted."""

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore a deleted experiment."""

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment that is not deleted."""

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag."""

    def check_removes_experiment_tags(self, experiment_id: str) -> None:
        """Raise :class:`amlflow.spec.Unsupported` if :meth:`delete_experiment_tag` would."""

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Delete a tag."""

    # runs

    def create_run(
        self, experiment_id: str, user: str, start_ms: int, tags: Mapping[str, str],
        name: str | None,
    ) -> Run:  # fmt: skip
        """Create a run with the status RUNNING."""

    def get_run(self, run_id: str) -> Run:
        """Return the run with this id."""

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""

    def restore_run(self, run_id: str) -> None:
        """Restore a deleted run."""

    def update_run_info(self, run_id: str, status: str | None, ended_ms: int | None) -> RunInfo:
        """Set a run's status and end. If one is None, it does not change."""

    def log_batch(
        self, run_id: str, *, metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Store params, metrics and tags. Stores nothing if a param has another value already."""

    def log_inputs(self, run_id: str, datasets: Sequence[InputDataset]) -> None:
        """Store which data sets a run reads."""

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag."""

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag."""

    def search_runs(
        self, experiment_ids: Sequence[str], condition: str, *, view: str, size: int,
        order: Sequence[str], token: str | None = None,
    ) -> Page[Run]:  # fmt: skip
        """Find runs that meet a condition of MLflow's filter language."""

    def metric_rows(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        """Return the points of some of a run's metrics, sorted in each metric."""

    # this machine

    def select(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        """Return the rows of a statement with ``:named`` values. Needs a :attr:`dialect`."""

    def database(self) -> Path | None:
        """Return the file of the database; None if it is not a file."""

    def open_artifacts(self, root: str) -> ArtifactStore:
        """Open the files at an artifact URI."""


def remove_tag(delete: Callable[[], None]) -> None:
    """Delete a tag with the function ``delete``. It is not an error if the tag does not exist."""
    try:
        delete()
    except AzureMLException as error:
        if not says(error, NO_TAG):
            raise
