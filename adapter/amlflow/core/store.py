"""The parts of a workspace that experiments and runs need.

In v1 the classes create each other: a workspace opens experiments, an experiment opens the
workspace of a folder, and a run knows its experiment. Here the files import each other in one
direction only: workspace.py imports experiment.py, which imports runs/. This file declares the base
classes and functions that experiment.py and runs/ need from workspace.py. Type checkers and editors
must know that `run.experiment.workspace` is a Workspace: workspace_types.pyi, a stub, tells them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from amlflow.client_address import address_for
from amlflow.core.authentication import InteractiveLoginAuthentication
from amlflow.spec import ExperimentRecord, RunRecord

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from amlflow.core.workspace_types import Experiment, Workspace
    from amlflow.layers.layer import Layer

DEFAULT_NAME = "local"
"""The name and resource group of a workspace if no config.json names one."""
NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
NAME_VARIABLES = (
    "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME",
)  # fmt: skip
"""The variables that tell a submitted script the :attr:`Store.names` of its run's workspace."""


@dataclass(frozen=True, slots=True)
class Store:
    """The absolute URI of a tracking store, and the names of a workspace on it."""

    uri: str
    subscription_id: str
    resource_group: str
    workspace_name: str

    @property
    def names(self) -> tuple[str, str, str]:
        """Subscription, resource group and name."""
        return self.subscription_id, self.resource_group, self.workspace_name

    @property
    def tracker(self) -> Layer:
        """The tracker with its layers. Each process has one object for each URI."""
        return _opener()(self.uri)


@functools.cache
def _opener() -> Callable[[str], Layer]:
    # A script may import azureml.core without using a tracker.
    from amlflow.layers.stack import open_layered

    return open_layered


class HasStore:
    """A workspace, or an object in a workspace, such as an experiment or a run."""

    _store: Store

    @property
    def _tracker(self) -> Layer:
        return self._store.tracker

    def __dir__(self) -> list[str]:
        """Return the names that an editor or a notebook offers, without v1's internal constants."""
        return [name for name in super().__dir__() if not name.isupper()]


def store_of(owner: HasStore) -> Store:
    """Return the store that a workspace, an experiment or a run is in."""
    return owner._store


def tracker_of(owner: HasStore) -> Layer:
    """Return the tracker of a workspace, of an experiment, or of a run."""
    return owner._tracker


class WorkspaceBase(HasStore):
    """The part of v1's Workspace that experiments, runs and compute targets use."""

    _auth: Any = None
    _folder: Path | None = None
    """The folder of the project whose config.json named the workspace; None without one."""

    @property
    def _auth_object(self) -> Any:
        """v1's private name for the argument ``auth``. Scripts read it."""
        return self._auth or InteractiveLoginAuthentication()

    @property
    def name(self) -> str:
        return self._store.workspace_name

    @property
    def subscription_id(self) -> str:
        return self._store.subscription_id

    @property
    def resource_group(self) -> str:
        return self._store.resource_group

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """Return the tracking store's URI, for ``mlflow.set_tracking_uri``.

        In a script whose MLflow cannot open the store, it is the address where the run's agent
        serves it.
        """
        return address_for(self._store.uri)

    def get_run(self, run_id: str) -> Any:
        """Return a run. :class:`amlflow.core.workspace.Workspace` implements this."""
        raise NotImplementedError

    @staticmethod
    def from_config(path: str | os.PathLike[str] | None = None) -> WorkspaceBase:
        """Open a workspace. :class:`amlflow.core.workspace.Workspace` implements this."""
        raise NotImplementedError

    @staticmethod
    def _of_this_job() -> WorkspaceBase:
        raise NotImplementedError

    def _experiment_of(self, run: RunRecord) -> ExperimentBase:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkspaceBase) and self._store == other._store

    def __hash__(self) -> int:
        return hash(self._store)


def folder_of(workspace: WorkspaceBase) -> Path | None:
    """Return the folder of the project whose config.json named the workspace; None without one."""
    return workspace._folder


class HasWorkspace:
    """An experiment or a model, whose workspace has the type that users know."""

    _workspace: WorkspaceBase

    @property
    def workspace(self) -> Workspace:
        """The workspace that this belongs to."""
        return cast("Workspace", self._workspace)


class ExperimentBase(HasWorkspace, HasStore):
    """The part of v1's Experiment that runs use."""

    _record: ExperimentRecord

    @property
    def workspace_object(self) -> Workspace:
        """v1's deprecated name of :attr:`workspace`."""
        return self.workspace

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def id(self) -> str:
        """The experiment's id in the tracker."""
        return self._record.id

    @property
    def archived_time(self) -> str | None:
        """When the experiment was archived (ISO 8601), or None."""
        archived = self._record.archived
        return None if archived is None else archived.isoformat()

    def get_portal_url(self) -> str:
        """Return the address of the experiment's page."""
        return self._tracker.experiment_link(self.id)

    def _submit(
        self, config: Any, tags: dict[str, str] | None, parent: RunRecord | None, **kwargs: Any
    ) -> RunRecord:
        raise NotImplementedError

    def _submit_all(
        self, configs: Sequence[Any], tags: Any, parent: RunRecord | None = None, **kwargs: Any
    ) -> list[RunRecord]:
        raise NotImplementedError


class HasExperiment(HasStore):
    """A run, whose experiment has the type that users know."""

    _experiment: ExperimentBase

    @property
    def experiment(self) -> Experiment:
        """The experiment that this belongs to."""
        return cast("Experiment", self._experiment)


def experiment_of(workspace: WorkspaceBase, run: RunRecord) -> ExperimentBase:
    """Return the experiment that a run of the workspace belongs to."""
    return workspace._experiment_of(run)


def submit_in(
    experiment: ExperimentBase,
    config: Any,
    tags: dict[str, str] | None,
    parent: RunRecord | None,
    **kwargs: Any,
) -> RunRecord:
    """Submit a configuration as a run of an experiment; see ``Experiment.submit``."""
    return experiment._submit(config, tags, parent, **kwargs)


def submit_all_in(
    experiment: ExperimentBase, configs: Sequence[Any], tags: Any, parent: RunRecord, **kwargs: Any
) -> list[RunRecord]:
    """Submit configurations as runs of an experiment; see ``Experiment.submit``."""
    return experiment._submit_all(configs, tags, parent, **kwargs)


_workspace_classes: list[type[WorkspaceBase]] = []


def use_workspace_class(kind: type[WorkspaceBase]) -> None:
    """Set the class of workspaces. workspace.py calls this when it is imported."""
    _workspace_classes[:] = [kind]


def open_workspace(path: str | os.PathLike[str]) -> WorkspaceBase:
    """Return ``Workspace.from_config(path)``."""
    [kind] = _workspace_classes
    return kind.from_config(path)


def workspace_of_this_job() -> WorkspaceBase:
    """Return the workspace of the run that this process was submitted as."""
    [kind] = _workspace_classes
    return kind._of_this_job()
