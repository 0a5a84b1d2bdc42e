"""Where scripts run: v1's ``azureml.core.compute``. declared.py says how targets are declared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from amlflow.core.absent.members import Absent
from amlflow.core.arguments import check_class, check_text
from amlflow.core.compute import clusters, declared
from amlflow.core.compute.clusters import ProvisioningConfiguration
from amlflow.core.compute.status import NodeStateCounts, ScaleSettings, TargetStatus
from amlflow.core.runs.run import Run
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import FINAL
from amlflow.working_folder import working_folder


class ComputeTarget:
    """A compute target. ``local`` is this machine, and always exists.

    Every other target is an :class:`AmlCompute`, or a :class:`ComputeInstance` if code created it
    as one, since v1's code checks the class of its cluster. Attributes are v1's.

    Source: ``azureml.core.ComputeTarget`` 1.61; names are v1's.
    """

    deserialize = Absent()

    workspace: WorkspaceBase
    name: str
    provisioning_state = "Succeeded"
    provisioning_errors = None
    _declaration: dict[str, Any]
    _configuration: ProvisioningConfiguration

    def __new__(cls, workspace: WorkspaceBase, name: str) -> ComputeTarget:
        """Open a target. The result has the class of the target."""
        right = "ComputeTarget(workspace, name)"
        check_class(workspace, WorkspaceBase, "A compute target is in a Workspace", right)
        check_text(name, "A compute target's name", right)
        return _open(workspace, name, declared.find(workspace, name).settings)

    def __init__(self, workspace: WorkspaceBase, name: str) -> None:
        """Open a target that the workspace knows.

        Raises:
            ComputeTargetException: the workspace does not know the name. The message lists the
                known targets, and says how to declare one.
        """

    def __getnewargs__(self) -> tuple[WorkspaceBase, str]:
        return self.workspace, self.name

    def _read(self, declaration: Mapping[str, Any]) -> None:
        self._declaration = dict(declaration)
        self._configuration = clusters.configuration_of(self.name, declaration)

    @property
    def type(self) -> str:
        """The kind; "AmlCompute" or "ComputeInstance" if code created the target."""
        kind = str(self._declaration.get("kind", ""))
        return self._configuration.type if declared.CLUSTER in self._declaration else kind

    @property
    def vm_size(self) -> str:
        """The size that code asked for. It has no effect here."""
        return self._configuration.vm_size

    @property
    def vm_priority(self) -> str:
        """The priority that code asked for. It has no effect here."""
        return self._configuration.vm_priority

    @property
    def tags(self) -> dict[str, str]:
        """The tags that code created the target with."""
        return dict(self._configuration.tags)

    @property
    def description(self) -> str:
        """The description that code created the target with."""
        return self._configuration.description

    @property
    def location(self) -> str:
        """The location that code asked for; the workspace's location without one."""
        return self._configuration.location or "local"

    @property
    def scale_settings(self) -> ScaleSettings:
        """How many runs the target takes at once, as a cluster's nodes."""
        max_runs = declared.open_target(self.name, self._declaration).max_runs
        asked_for = self._configuration
        return ScaleSettings(
            min(asked_for.min_nodes, max_runs or asked_for.min_nodes),
            max_runs,
            asked_for.idle_seconds_before_scaledown,
        )

    @property
    def status(self) -> TargetStatus:
        """The same as :meth:`get_status`."""
        return self.get_status()

    @staticmethod
    def list(workspace: WorkspaceBase) -> list[ComputeTarget]:
        """The targets that the workspace knows."""
        declarations = sorted(declared.read_declarations(workspace).items())
        return [_open(workspace, name, declaration) for name, declaration in declarations]

    def get_status(self) -> TargetStatus:
        """v1's status of a target: "Succeeded", with the attributes of a cluster's status.

        For a cluster, the nodes are the cluster's nodes. For any other target, they are the runs
        that run on it now, of this machine's jobs.

        Raises:
            ComputeTargetException: the declaration's kind or a setting is not valid.
            Unavailable: the cluster does not answer.
        """
        scale = self.scale_settings
        nodes = self._count_nodes(scale.minimum_node_count)
        return TargetStatus(self.provisioning_state, scale, nodes, self.vm_size, self.vm_priority)

    def _count_nodes(self, minimum: int) -> NodeStateCounts:
        # Imported here, since it locks files, which not all systems support.
        from amlflow.jobs.tickets import count_running

        target = declared.open_target(self.name, self._declaration)
        cluster = declared.find_cluster(self.workspace, self.name)
        described = None if cluster is None else cluster.describe()
        if described is None:
            running = count_running(target)
            return NodeStateCounts(running, max(minimum - running, 0))
        return NodeStateCounts(
            running_node_count=sum(part.in_use for part in described.partitions),
            idle_node_count=sum(part.idle for part in described.partitions),
            unusable_node_count=sum(part.away for part in described.partitions),
        )

    def refresh_state(self) -> None:
        """Read the target's declaration again."""
        self._read(declared.find(self.workspace, self.name).settings)

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Return at once: nothing is provisioned, so there is nothing to wait for."""
        if show_output:
            print(self.provisioning_state)

    def serialize(self) -> dict[str, Any]:
        """Return a dict with the name, type, provisioningState and settings of the target."""
        return {
            "name": self.name,
            "type": self.type,
            "provisioningState": self.provisioning_state,
            "properties": dict(self._declaration),
        }

    def get_active_runs(
        self, type: str | None = None, tags: Any = None, properties: Any = None, status: Any = None
    ) -> Iterator[Run]:
        """The target's runs that have not ended, newest first."""
        runs = Run.list_by_compute(self, type, tags, properties, status)
        return (run for run in runs if run.status not in FINAL)

    def detach(self) -> None:
        """Remove an attached target from the workspace."""
        declared.detach(self.workspace, self.name)

    def delete(self) -> None:
        """Remove a target that code created from compute.yaml, or detach an attached one.

        Its runs go on.

        Raises:
            ComputeTargetException: a person has declared it. The message names the file.
        """
        if declared.CLUSTER in self._declaration:
            clusters.delete(self.workspace, self.name)
        else:
            self.detach()

    def list_nodes(self) -> Any:
        """Raise ComputeTargetException: nodes of a target have no addresses."""
        raise ComputeTargetException(
            f"Compute target {self.name!r} has no nodes with an address. "
            "get_active_runs() lists the runs that run on it."
        )

    @staticmethod
    def create(
        workspace: WorkspaceBase, name: str, provisioning_configuration: ProvisioningConfiguration
    ) -> ComputeTarget:
        """Declare a target in place of a cluster; see :mod:`amlflow.core.compute.clusters`.

        The target runs up to ``max_nodes`` runs at once: on this machine, or with the kind of the
        ``defaults`` in ``.azureml/compute.yaml``.

        Raises:
            ComputeTargetException: the configuration or the name is not valid, or compute.yaml
                cannot be read or written.
        """
        right = (
            "ComputeTarget.create(workspace, name, AmlCompute.provisioning_configuration(vm_size, "
            "max_nodes=4))"
        )
        check_class(workspace, WorkspaceBase, "A compute target is in a Workspace", right)
        check_text(name, "A compute target's name", right)
        check_class(
            provisioning_configuration,
            ProvisioningConfiguration,
            "A cluster is made from a provisioning configuration",
            right,
        )
        clusters.create(workspace, name, provisioning_configuration)
        return ComputeTarget(workspace, name)

    @staticmethod
    def attach(workspace: WorkspaceBase, name: str, attach_configuration: Any) -> Any:
        """Raise ComputeTargetException: v1's attach configurations are for Azure."""
        raise ComputeTargetException(
            f"amlflow cannot attach resources of Azure. Declare the compute target {name!r} in "
            f".azureml/{declared.FILE}, such as\n{name}:\n  kind: docker\n  image: my-image\n"
            f"or attach it with `amlflow computetarget attach -n {name} --kind docker`."
        )

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"{kind}(workspace={self.workspace!r}, name={self.name}, type={self.type})"


class AmlCompute(ComputeTarget):
    """v1's cluster. Here, it is the target that is declared under the name, of any kind."""

    add_identity = Absent()
    get = Absent()
    list_quotas = Absent()
    list_usages = Absent()
    remove_identity = Absent()
    update_quotas = Absent()

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int = 1800,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: dict[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: Any = None,
        location: str | None = None,
        enable_node_public_ip: bool = True,
    ) -> ProvisioningConfiguration:
        """Check the arguments, and return the configuration for :meth:`ComputeTarget.create`.

        ``max_nodes`` is how many runs run at once. The administrator, the network and the
        identities of v1's virtual machines are ignored and stored nowhere.

        Raises:
            ComputeTargetException: ``max_nodes`` is missing, or a value is not valid.
        """
        clusters.check_remote_login(remote_login_port_public_access)
        clusters.check_identity(identity_type, identity_id)
        if max_nodes is None:
            raise ComputeTargetException(
                "max_nodes is missing. It says how many runs run at once, such as max_nodes=4."
            )
        configuration = ProvisioningConfiguration(
            type="AmlCompute",
            vm_size=vm_size,
            vm_priority=vm_priority,
            min_nodes=min_nodes,
            max_nodes=max_nodes,
            idle_seconds_before_scaledown=idle_seconds_before_scaledown,
            tags=tags or {},
            description=description or "",
            location=location or "",
        )
        configuration.validate_configuration()
        return configuration

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int | None = None,
    ) -> None:
        """Change how many runs run at once, for a target that code created.

        Raises:
            ComputeTargetException: a person has declared it, or a value is not valid.
        """
        clusters.update(
            self.workspace,
            self.name,
            min_nodes=min_nodes,
            max_nodes=max_nodes,
            idle_seconds_before_scaledown=idle_seconds_before_scaledown,
        )
        self.refresh_state()

    @staticmethod
    def supported_vmsizes(
        workspace: WorkspaceBase, location: str | None = None
    ) -> list[dict[str, Any]]:
        """Describe this machine in v1's form of a size: name, cores, memory and free disk.

        Every other ``vm_size`` is accepted, too. It also means this machine.
        """
        return [describe_machine()]


class ComputeInstance(ComputeTarget):
    """v1's machine for one person. Here, it is a target that runs one script at a time."""

    get = Absent()
    get_docs_url = Absent()
    update_sso_settings = Absent()

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        ssh_public_access: bool = False,
        admin_user_ssh_public_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: dict[str, str] | None = None,
        description: str | None = None,
        assigned_user_object_id: str | None = None,
        assigned_user_tenant_id: str | None = None,
    ) -> ProvisioningConfiguration:
        """Return the configuration for :meth:`ComputeTarget.create`.

        Network, keys and users have no effect here.
        """
        return ProvisioningConfiguration(
            type="ComputeInstance",
            vm_size=vm_size or "Standard_DS3_V2",
            tags=tags or {},
            description=description or "",
        )

    def delete(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Do the same as :meth:`ComputeTarget.delete`, at once."""
        super().delete()

    def start(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Return at once: the machine already runs."""

    def stop(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Return at once: amlflow has started no machine, so it stops none."""

    def restart(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Return at once: amlflow has started no machine, so it restarts none."""

    @staticmethod
    def supported_vmsizes(
        workspace: WorkspaceBase, location: str | None = None
    ) -> list[dict[str, Any]]:
        """The same as :meth:`AmlCompute.supported_vmsizes`."""
        return [describe_machine()]


def describe_machine() -> dict[str, Any]:
    """Describe this machine, with v1's keys for a size of virtual machines."""
    import psutil  # few scripts ask for this

    return {
        "name": declared.LOCAL,
        "vCPUs": os.cpu_count() or 1,
        "memoryGB": round(psutil.virtual_memory().total / 2**30, 1),
        "maxResourceVolumeMB": psutil.disk_usage(str(working_folder())).free // 2**20,
    }


def _open(workspace: WorkspaceBase, name: str, declaration: Mapping[str, Any]) -> ComputeTarget:
    target: ComputeTarget = object.__new__(_class_of(name, declaration))
    target.workspace = workspace
    target.name = name
    target._read(declaration)
    return target


def _class_of(name: str, declaration: Mapping[str, Any]) -> type[ComputeTarget]:
    if name == declared.LOCAL:
        return ComputeTarget
    created_as = clusters.configuration_of(name, declaration).type
    return ComputeInstance if created_as == "ComputeInstance" else AmlCompute


class Targets(dict[str, ComputeTarget]):
    """The targets of a workspace by name. For an unknown name, the error lists the known ones.

    If ``AMLFLOW_DEFAULT_TARGET`` names a target, ``targets[name]`` returns that for an unknown
    name.
    """

    def __init__(self, workspace: WorkspaceBase) -> None:
        super().__init__({target.name: target for target in ComputeTarget.list(workspace)})
        self._workspace = workspace

    def __missing__(self, name: str) -> ComputeTarget:
        return ComputeTarget(self._workspace, name)
