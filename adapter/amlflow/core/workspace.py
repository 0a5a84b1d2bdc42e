"""A workspace: v1's ``azureml.core.workspace``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlflow.claims import RUN_ID
from amlflow.core import html
from amlflow.core.absent.workspace_members import AzureOnly, refuse
from amlflow.core.arguments import check_path, check_text
from amlflow.core.compute.compute_target import ComputeTarget, Targets
from amlflow.core.data import declared
from amlflow.core.data.dataset import DatasetsByName
from amlflow.core.data.datastore import AbstractDatastore, DatastoresByName, open_datastore
from amlflow.core.experiment import Experiment, open_experiment
from amlflow.core.models.model import Model
from amlflow.core.project.config_json import (
    FILE,
    Config,
    find_config,
    project_folder,
    write_config,
)
from amlflow.core.project.configured import warn_of_new_database
from amlflow.core.project.known_workspaces import find_known, list_known, note_path, write_note
from amlflow.core.project.project_files import submitters_project
from amlflow.core.project.tracking_uri import embedded_uri, resolve_uri
from amlflow.core.runs.queries import query_runs
from amlflow.core.runs.run import Run, get_run_in
from amlflow.core.scripts.environment import Environment
from amlflow.core.store import (
    DEFAULT_NAME,
    NAME_VARIABLES,
    NO_SUBSCRIPTION,
    Store,
    WorkspaceBase,
    use_workspace_class,
)
from amlflow.core.workspace_details import describe_workspace
from amlflow.exceptions import UserErrorException, WorkspaceException
from amlflow.spec import RunRecord, redacted


class Workspace(WorkspaceBase, AzureOnly):
    """A name for a tracking store. The store has the experiments and runs.

    Source: ``azureml.core.Workspace`` 1.61; names, parameters and shapes are v1's. Workspaces from
    :meth:`create` are remembered in the user's configuration folder.
    """

    DEFAULT_CPU_CLUSTER_NAME = "cpu-cluster"
    DEFAULT_GPU_CLUSTER_NAME = "gpu-cluster"
    DEFAULT_CPU_CLUSTER_CONFIGURATION = None
    DEFAULT_GPU_CLUSTER_CONFIGURATION = None

    def __init__(
        self,
        subscription_id: str,
        resource_group: str,
        workspace_name: str,
        auth: Any = None,
        _location: str | None = None,
        _disable_service_check: bool = False,
        _workspace_id: str | None = None,
        sku: str = "basic",
        tags: dict[str, str] | None = None,
        _cloud: str = "AzureCloud",
    ) -> None:
        """Open a workspace by its names, on the store that :meth:`get` describes."""
        self._auth = auth
        details = {"location": _location, "sku": sku, "tags": tags}
        self._init(subscription_id, resource_group, workspace_name, details)

    def _init(
        self,
        subscription_id: str,
        resource_group: str,
        name: str,
        details: dict[str, Any],
        folder: Path | None = None,
    ) -> None:
        note = find_known(subscription_id, resource_group, name) or {}
        self._details = {**note, **{key: value for key, value in details.items() if value}}
        # Resolve the store's address now, as the script may change its working folder later.
        uri = resolve_uri(self._details.get("tracking_uri"), folder)
        self._store = Store(uri, subscription_id, resource_group, name)
        self._folder = submitters_project(self._store.names) or folder

    # opening

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None,
        auth: Any = None,
        _logger: Any = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """Open the workspace of the nearest config.json: in a folder, or in one above it.

        Without a config.json, a submitted script gets the workspace of its run. Any other process
        gets the embedded default: MLflow's database in the working folder.

        Raises:
            UserErrorException: ``path`` does not exist, or the file is not a valid config.json.
        """
        if path is not None:
            check_path(path, "The path of a config.json", "Workspace.from_config(path)")
        config = find_config(path, _file_name)
        if config is None and os.environ.get(RUN_ID):
            return Workspace._of_this_job()
        if config is None:
            workspace = Workspace._default()
            warn_of_new_database(path or ".", workspace._store.uri)
            return workspace
        return configured_workspace(config, auth)

    @staticmethod
    def _default() -> Workspace:
        return Workspace(NO_SUBSCRIPTION, DEFAULT_NAME, DEFAULT_NAME)

    @staticmethod
    def _of_this_job() -> Workspace:
        """Return the workspace of the run that this process was submitted as."""
        defaults = (NO_SUBSCRIPTION, DEFAULT_NAME, DEFAULT_NAME)
        subscription_id, resource_group, name = map(os.environ.get, NAME_VARIABLES, defaults)
        return Workspace(subscription_id, resource_group, name)

    @staticmethod
    def get(
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        cloud: str = "AzureCloud",
        id: str | None = None,
    ) -> Workspace:
        """Open the workspace of this name, on ``MLFLOW_TRACKING_URI`` or else on its own store.

        Raises:
            WorkspaceException: several workspaces here have this name. Pass resource_group, too.
        """
        check_text(name, "A workspace's name", "Workspace.get(name)")
        notes = [
            note
            for note in list_known()
            if note["workspace_name"] == name
            and subscription_id in (None, note["subscription_id"])
            and resource_group in (None, note["resource_group"])
        ]
        if len(notes) > 1:
            raise WorkspaceException(
                f"There are {len(notes)} workspaces {name!r} here; give subscription_id and "
                "resource_group too.",
                found_multiple=True,
            )
        if notes:
            subscription_id = notes[0]["subscription_id"]
            resource_group = notes[0]["resource_group"]
        return Workspace(
            subscription_id or NO_SUBSCRIPTION, resource_group or DEFAULT_NAME, name, auth, location
        )

    @staticmethod
    def create(
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = True,
        sku: str = "basic",
        tags: dict[str, str] | None = None,
        friendly_name: str | None = None,
        storage_account: str | None = None,
        key_vault: str | None = None,
        app_insights: str | None = None,
        container_registry: str | None = None,
        adb_workspace: str | None = None,
        primary_user_assigned_identity: str | None = None,
        cmk_keyvault: str | None = None,
        resource_cmk_uri: str | None = None,
        hbi_workspace: bool = False,
        default_cpu_compute_target: Any = None,
        default_gpu_compute_target: Any = None,
        private_endpoint_config: Any = None,
        private_endpoint_auto_approval: bool = True,
        exist_ok: bool = False,
        show_output: bool = True,
        user_assigned_identity_for_cmk_encryption: str | None = None,
        system_datastores_auth_mode: str = "accessKey",
        v1_legacy_mode: bool | None = None,
    ) -> Workspace:
        """Remember a workspace on the configured tracking store, for :meth:`get` and ``list``.

        Nothing is created in Azure. Arguments that describe resources of Azure are ignored.

        Raises:
            WorkspaceException: the workspace exists already, and ``exist_ok`` is False.
        """
        check_text(name, "A workspace's name", "Workspace.create(name)")
        names = (subscription_id or NO_SUBSCRIPTION, resource_group or DEFAULT_NAME, name)
        if find_known(*names) is not None:
            if exist_ok:
                return Workspace(*names)
            raise WorkspaceException(
                f"The workspace {name!r} exists already in resource group {names[1]!r}; "
                "open it with Workspace.get(), or pass exist_ok=True."
            )
        workspace = Workspace(*names, _location=location, sku=sku, tags=tags)
        if friendly_name is not None:
            workspace._details["friendly_name"] = friendly_name
        workspace._remember()
        return workspace

    @staticmethod
    def list(
        subscription_id: str, auth: Any = None, resource_group: str | None = None
    ) -> dict[str, list[Workspace]]:
        """Return by name the workspaces created here, and that of the nearest config.json."""
        workspaces: dict[str, list[Workspace]] = {}
        for workspace in known_workspaces():
            if workspace.subscription_id == subscription_id and resource_group in (
                None,
                workspace.resource_group,
            ):
                workspaces.setdefault(workspace.name, []).append(workspace)
        return workspaces

    def write_config(self, path: str | None = None, file_name: str | None = None) -> None:
        """Write ``<path>/.azureml/config.json``, which :meth:`from_config` finds.

        ``path`` is the project's folder, or its ``.azureml``. If the project has v1's older folder
        ``aml_config``, the file is written there, as in v1.

        Raises:
            UserErrorException: the file cannot be written.
        """
        right = "workspace.write_config(path='.', file_name='config.json')"
        check_path(path or ".", "The project's folder", right)
        check_path(file_name or FILE, "The file's name", right)
        folder = project_folder(path)
        content = self._identity()
        configured = self._details.get("tracking_uri")
        if configured and configured != embedded_uri(folder):
            content["tracking_uri"] = configured
        write_config(folder, f"{os.path.splitext(file_name or FILE)[0]}.json", content)

    def update(
        self,
        friendly_name: str | None = None,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        image_build_compute: str | None = None,
        service_managed_resources_settings: Any = None,
        primary_user_assigned_identity: str | None = None,
        allow_public_access_when_behind_vnet: bool | None = None,
        v1_legacy_mode: bool | None = None,
    ) -> dict[str, Any]:
        """Change the workspace's friendly name, description or tags. Returns its details."""
        if image_build_compute is not None or service_managed_resources_settings is not None:
            refuse(
                "update(image_build_compute=…, service_managed_resources_settings=…)",
                "Change the friendly_name, description or tags.",
            )
        changes = {"friendly_name": friendly_name, "description": description, "tags": tags}
        self._details.update({key: value for key, value in changes.items() if value is not None})
        self._write_note()
        return self.get_details()

    def delete(self, delete_dependent_resources: bool = False, no_wait: bool = False) -> None:
        """Forget the workspace here. Its experiments and runs stay in the tracking store."""
        if delete_dependent_resources:
            raise UserErrorException(
                "delete(delete_dependent_resources=True) would delete the runs of everybody on "
                f"{self.discovery_url}, and amlflow does not; delete() forgets the workspace here, "
                "and `amlflow experiment delete` deletes the runs of an experiment."
            )
        note_path(*self._store.names).unlink(missing_ok=True)

    # what is in the workspace

    @property
    def location(self) -> str:
        """The location that the workspace was created with; otherwise "local"."""
        return str(self._details.get("location") or "local")

    @property
    def sku(self) -> str:
        return str(self._details.get("sku") or "basic")

    @property
    def tags(self) -> dict[str, str]:
        return dict(self._details.get("tags") or {})

    @property
    def discovery_url(self) -> str:
        """The address of the tracking store."""
        return redacted(self._store.uri)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments that are not archived, by name."""
        return {experiment.name: experiment for experiment in Experiment.list(self)}

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each registered model, by the model's name."""
        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """The compute targets by name; see :mod:`amlflow.core.compute.declared`."""
        return Targets(self)

    @property
    def environments(self) -> dict[str, Environment]:
        """The registered environments by name, and v1's curated ones; see Environment.list."""
        return Environment.list(self)

    @property
    def datastores(self) -> Mapping[str, AbstractDatastore]:
        """The datastores by name; see :mod:`amlflow.core.data.declared`."""
        return DatastoresByName(self)

    def get_default_datastore(self) -> AbstractDatastore:
        """Return the datastore that is used if none is named, such as ``workspaceblobstore``."""
        return open_datastore(self, declared.default_name(self))

    def set_default_datastore(self, name: str) -> None:
        """Set the default datastore, for this user on this machine."""
        declared.set_default(self, name)

    @property
    def datasets(self) -> DatasetsByName:
        """The registered data sets by name, each in its latest version."""
        return DatasetsByName(self)

    def get_default_compute_target(self, type: str) -> ComputeTarget | None:
        """Return None, as v1 does for a workspace without default clusters."""
        if type not in ("CPU", "GPU"):
            raise UserErrorException(f"The type {type!r} is neither 'CPU' nor 'GPU'.")
        return None

    def get_run(self, run_id: str) -> Run:
        """Return the run with this id, in any experiment. Without one, raise ServiceException."""
        if run_id != "":  # an empty text passes, and gets the error that no run has this id
            check_text(run_id, "A run's id", "workspace.get_run(run_id)")
        return get_run_in(self, run_id)

    def _experiment_of(self, run: RunRecord) -> Experiment:
        return open_experiment(self, self._tracker.get_experiment(run.experiment_id))

    def query(
        self, expression: str, include_children: bool = False,
        *, text: str | None = None, order_by: str | None = None,
    ) -> Any:  # fmt: skip
        """Evaluate a JMESPath expression on the runs of all experiments. v1 has no such method.

        Runs of archived experiments are left out. :meth:`Experiment.query` has the arguments.
        """
        return query_runs(self, Experiment.list(self), expression, include_children, text, order_by)

    _workspace_id = property(lambda self: str(self.get_details()["workspaceid"]))  # for names

    def get_details(self) -> dict[str, Any]:
        """Return details of the workspace, with v1's keys.

        Keys that only Azure has are absent. Reading one raises a KeyError that says what to do.
        """
        return describe_workspace(
            self,
            location=self.location,
            tags=self.tags,
            sku=self.sku,
            friendlyName=self._details.get("friendly_name") or self.name,
            description=self._details.get("description") or "",
            discoveryUrl=self.discovery_url,
            mlFlowTrackingUri=redacted(self._store.uri),
        )

    # remembering

    def _identity(self) -> dict[str, str]:
        keys = ("subscription_id", "resource_group", "workspace_name")
        return dict(zip(keys, self._store.names, strict=True))

    def _remember(self) -> None:
        """Remember the workspace and its store, for :meth:`get` and :meth:`list`."""
        # Credentials belong in the environment, not in a file.
        self._details["tracking_uri"] = redacted(self._store.uri)
        self._write_note()

    def _write_note(self) -> None:
        write_note(*self._store.names, content={**self._details, **self._identity()})

    # display

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name={self.name!r}, subscription_id={self.subscription_id!r}, "
            f"resource_group={self.resource_group!r})"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        address = self._store.uri if self._store.uri.startswith("http") else ""
        return html.table(
            {
                "Name": html.text(self.name),
                "Subscription": html.text(self.subscription_id),
                "Resource group": html.text(self.resource_group),
                "Location": html.text(self.location),
                "Tracking store": html.link(redacted(address), redacted(self._store.uri)),
            }
        )


def configured_workspace(config: Config, auth: Any = None) -> Workspace:
    """Open the workspace that a config.json names."""
    workspace = Workspace.__new__(Workspace)
    workspace._auth = auth
    workspace._init(*config.names, {"tracking_uri": config.tracking_uri}, config.folder)
    return workspace


def remember_workspace(workspace: Workspace) -> None:
    """Remember a workspace and its store, for ``Workspace.get`` and ``Workspace.list``."""
    workspace._remember()


def known_workspaces() -> list[Workspace]:
    """Return the workspaces that were created here, and that of the nearest config.json."""
    all_names = [
        (note["subscription_id"], note["resource_group"], note["workspace_name"])
        for note in list_known()
    ]
    config = find_config(None)
    if config is not None:
        all_names.append(config.names)
    return [Workspace(*names) for names in dict.fromkeys(all_names)]


use_workspace_class(Workspace)
