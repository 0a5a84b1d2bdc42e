"""Where scripts run: v1's ``azureml.core.compute``. declared.py says how targets are declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from amlflow.core.absent.members import Absent
from amlflow.core.arguments import check_class, check_text
from amlflow.core.compute import declared
from amlflow.core.runs.run import Run
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import FINAL


class TargetState(str):
    """v1's state of a target, as a text that can say itself as a dict, as a cluster's could."""

    def serialize(self) -> dict[str, Any]:
        """The state under v1's key."""
        return {"provisioningState": str(self)}


class ComputeTarget:
    """A compute target by its name. ``local`` is this machine and is always there.

    Source: ``azureml.core.ComputeTarget`` 1.61; names are v1's.
    """

    deserialize = Absent()

    def __init__(self, workspace: WorkspaceBase, name: str) -> None:
        """Open a target that the workspace knows.

        Raises:
            ComputeTargetException: it knows none of this name; the message lists those it knows,
                and says how to declare one.
        """
        right = "ComputeTarget(workspace, name)"
        check_class(workspace, WorkspaceBase, "A compute target is in a Workspace", right)
        check_text(name, "A compute target's name", right)
        self._init(workspace, name, declared.find(workspace, name))

    def _init(self, workspace: WorkspaceBase, name: str, declaration: Mapping[str, Any]) -> None:
        self.workspace = workspace
        self.name = name
        self.type = str(declaration.get("kind", ""))
        self.provisioning_state = "Succeeded"
        self._declaration = dict(declaration)

    @staticmethod
    def list(workspace: WorkspaceBase) -> list[ComputeTarget]:
        """The targets that the workspace knows."""
        targets = []
        for name, declaration in sorted(declared.known(workspace).items()):
            target = ComputeTarget.__new__(ComputeTarget)
            target._init(workspace, name, declaration)
            targets.append(target)
        return targets

    def get_status(self) -> TargetState:
        """v1's state of a target: one that is declared is there."""
        return TargetState(self.provisioning_state)

    def refresh_state(self) -> None:
        """Read again what is stated of the target."""
        self._init(self.workspace, self.name, declared.find(self.workspace, self.name))

    def wait_for_completion(
        self, show_output: bool = False, is_delete_operation: bool = False, **kwargs: Any
    ) -> None:
        """Return: a target is not provisioned, so there is nothing to wait for."""
        if show_output:
            print(self.provisioning_state)

    def serialize(self) -> dict[str, Any]:
        """The target as a dict: name, type, provisioningState and what is stated of it."""
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
        """Forget an attached target."""
        declared.detach(self.workspace, self.name)

    def delete(self) -> None:
        """As :meth:`detach`: amlflow has no cluster to delete."""
        self.detach()

    def list_nodes(self) -> Any:
        """Refused: a target has no nodes."""
        _refuse(self.name)

    def update(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: a target is changed where it is declared."""
        _refuse(self.name)

    @staticmethod
    def create(workspace: WorkspaceBase, name: str, provisioning_configuration: Any) -> Any:
        """Refused: amlflow makes no clusters."""
        _refuse(name)

    @staticmethod
    def attach(workspace: WorkspaceBase, name: str, attach_configuration: Any) -> Any:
        """Refused: v1's attach configurations are Azure's."""
        _refuse(name)

    def __repr__(self) -> str:
        return f"ComputeTarget(workspace={self.workspace!r}, name={self.name}, type={self.type})"


class AmlCompute(ComputeTarget):
    """v1's cluster: here, whatever target is declared under the name."""

    add_identity = Absent()
    get = Absent()
    list_quotas = Absent()
    list_usages = Absent()
    remove_identity = Absent()
    update_quotas = Absent()

    @staticmethod
    def provisioning_configuration(*args: Any, **kwargs: Any) -> Any:
        """What v1 makes a cluster from, as given; :meth:`create` says that none is made."""
        return {"arguments": args, **kwargs}

    @staticmethod
    def supported_vmsizes(workspace: WorkspaceBase, location: str | None = None) -> Any:
        """Refused: amlflow has no virtual machines to choose from."""
        _refuse("<name>")


def _refuse(name: str) -> NoReturn:
    raise ComputeTargetException(
        f"amlflow makes no clusters in Azure. Declare the compute target {name!r} in "
        f".azureml/{declared.FILE}, such as\n{name}:\n  kind: docker\n  image: my-image\n"
        f"or attach it with `amlflow computetarget attach -n {name} --kind docker`."
    )


class Targets(dict[str, ComputeTarget]):
    """A workspace's targets by name; an unknown name says which are known."""

    def __init__(self, workspace: WorkspaceBase) -> None:
        super().__init__({target.name: target for target in ComputeTarget.list(workspace)})
        self._workspace = workspace

    def __missing__(self, name: str) -> NoReturn:
        raise declared.unknown(self._workspace, name, self)
