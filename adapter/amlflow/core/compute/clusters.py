"""Turns the clusters that v1's code creates into declared compute targets.

amlflow does not make clusters. ``ComputeTarget.create`` declares a target in
``.azureml/compute.yaml``. Its kind is that of the file's ``defaults``, or else ``local``::

    cpu-cluster:
      kind: local
      max_runs: 4                       # the cluster's max_nodes
      cluster:                          # the code's other arguments, which it may read again
        type: AmlCompute
        vm_size: STANDARD_D2_V2
        min_nodes: 0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amlflow.core.compute import declared, target_file
from amlflow.core.console import warn_once
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException

_CLUSTER_TYPE = "AmlCompute"
_PRIORITIES = ("dedicated", "lowpriority")
_REMOTE_LOGINS = ("NotSpecified", "Enabled", "Disabled")
_IDENTITIES = ("SystemAssigned", "UserAssigned")


@dataclass(kw_only=True)
class ProvisioningConfiguration:
    """v1's configuration of a cluster or compute instance.

    ``type`` is v1's name of the kind. Attributes are v1's. Passwords, keys and networks are not
    stored, since they mean nothing here.
    """

    type: str
    vm_size: str = ""
    vm_priority: str = _PRIORITIES[0]
    min_nodes: int = 0
    max_nodes: int = 1
    idle_seconds_before_scaledown: int = 1800
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    location: str = ""

    def validate_configuration(self) -> None:
        """Raise :class:`ComputeTargetException` for values that v1 refuses, and for no nodes."""
        for name in ("min_nodes", "max_nodes", "idle_seconds_before_scaledown"):
            _check_count(name, getattr(self, name))
        if self.max_nodes < max(self.min_nodes, 1):
            raise ComputeTargetException(
                f"max_nodes={self.max_nodes} is too small: it must be at least 1, and at least "
                f"min_nodes, which is {self.min_nodes}."
            )
        check_choice("vm_priority", self.vm_priority, _PRIORITIES)

    def settings(self) -> dict[str, Any]:
        """The settings for the target's declaration. Empty ones are left out."""
        members = vars(self)
        kept = {name: value for name, value in members.items() if value not in ("", {}, None)}
        kept.pop("max_nodes")  # stored as the target's max_runs
        if "tags" in kept:
            kept["tags"] = {str(key): str(value) for key, value in self.tags.items()}
        return kept


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ComputeTargetException(f"{name}={value!r} is not a whole number of 0 or more.")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise :class:`ComputeTargetException` if a value is not one of v1's choices."""
    if not isinstance(value, str) or value.lower() not in map(str.lower, choices):
        raise ComputeTargetException(f"{name}={value!r} is not one of {', '.join(choices)}.")


def check_remote_login(access: Any) -> None:
    """Check v1's ``remote_login_port_public_access``. It has no effect here."""
    check_choice("remote_login_port_public_access", access, _REMOTE_LOGINS)


def check_identity(identity_type: Any, identity_id: Any) -> None:
    """Check v1's identities. They have no effect here."""
    if identity_type is not None:
        check_choice("identity_type", identity_type, _IDENTITIES)
    if identity_type == _IDENTITIES[1] and not identity_id:
        raise ComputeTargetException("identity_type='UserAssigned' needs an identity_id.")


def create(workspace: WorkspaceBase, name: str, configuration: ProvisioningConfiguration) -> None:
    """Declare a target for a cluster.

    If code created a target of this name before, the target gets the new configuration, as in v1.
    If a person declared or attached one, it is not changed.

    Raises:
        ComputeTargetException: the configuration or the name is not valid, or compute.yaml cannot
            be read or written.
    """
    configuration.validate_configuration()
    declared.check_name(name)
    existing = declared.read_declarations(workspace).get(name)
    if existing is not None and declared.CLUSTER not in existing:
        warn_once(
            f"Compute target {name!r} is declared already, with kind {existing.get('kind')!r}: "
            "amlflow uses it as it is, and does not make a cluster."
        )
        return
    with target_file.editing(workspace, name) as file:
        old = file.targets.get(name, {})
        base = {**(old or declared.read_defaults(workspace)), "max_runs": configuration.max_nodes}
        declaration = {**base, declared.CLUSTER: configuration.settings()}
        declared.open_target(name, declaration)  # raises for a wrong kind or setting
        file.put(name, declaration)
        path, is_new = file.path, not old
    if is_new:
        warn_once(
            f"amlflow does not make the cluster {name!r} in Azure. It has declared it in {path} as "
            f"a compute target of kind {declaration['kind']!r}, for up to "
            f"{configuration.max_nodes} runs at once."
        )


def update(workspace: WorkspaceBase, name: str, **changes: Any) -> None:
    """Change a cluster that code created. A value that is None stays as it is.

    Raises:
        ComputeTargetException: code did not create it, or a value is not valid.
    """
    with target_file.editing(workspace, name) as file:
        declaration = _read_created(workspace, name, file)
        configuration = configuration_of(name, declaration)
        for key, value in changes.items():
            if value is not None:
                setattr(configuration, key, value)
        configuration.validate_configuration()
        file.put(
            name,
            {
                **declaration,
                "max_runs": configuration.max_nodes,
                declared.CLUSTER: configuration.settings(),
            },
        )


def delete(workspace: WorkspaceBase, name: str) -> None:
    """Remove a cluster that code created from the file. Its runs go on.

    Raises:
        ComputeTargetException: code did not create it.
    """
    with target_file.editing(workspace, name) as file:
        _read_created(workspace, name, file)
        file.remove(name)


def _read_created(
    workspace: WorkspaceBase, name: str, file: target_file.TargetFile
) -> Mapping[str, Any]:
    declaration = file.targets.get(name)
    if declaration is None:
        raise declared.unknown_target(workspace, name, declared.read_declarations(workspace))
    if declared.CLUSTER not in declaration:
        raise ComputeTargetException(
            f"Code did not create the compute target {name!r}. Change its declaration in "
            f"{file.path} yourself."
        )
    return declaration


def configuration_of(name: str, declaration: Mapping[str, Any]) -> ProvisioningConfiguration:
    """Return the configuration of a declared target: as code created it, or else v1's defaults.

    Raises:
        ComputeTargetException: the declaration's ``cluster`` is not valid.
    """
    content = declaration.get(declared.CLUSTER, {})
    max_runs = declaration.get("max_runs")
    max_nodes = max_runs if isinstance(max_runs, int) else 1
    try:
        configuration = ProvisioningConfiguration(
            **{"type": _CLUSTER_TYPE, **content, "max_nodes": max_nodes}
        )
    except TypeError:
        raise ComputeTargetException(
            f"Compute target {name!r} has {declared.CLUSTER}: {content!r}, which is not valid. It "
            "must map the arguments of the code that created the target, such as vm_size and "
            "min_nodes, to their values. Remove it, or run the code again."
        ) from None
    if content:
        configuration.validate_configuration()
    return configuration
