"""The status of a compute target, with v1's attributes and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """How many runs a target runs at once, in the form of a cluster's nodes."""

    minimum_node_count: int
    maximum_node_count: int | None
    idle_seconds_before_scaledown: int

    def serialize(self) -> dict[str, Any]:
        """Return the settings with v1's keys."""
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle_seconds_before_scaledown}S",
        }


@dataclass(frozen=True, slots=True)
class NodeStateCounts:
    """The number of nodes in each state, such as running a script, or idle."""

    running_node_count: int
    idle_node_count: int
    preparing_node_count: int = 0
    leaving_node_count: int = 0
    preempted_node_count: int = 0
    unusable_node_count: int = 0

    def serialize(self) -> dict[str, Any]:
        """Return the counts with v1's keys."""
        return {
            "preparingNodeCount": self.preparing_node_count,
            "runningNodeCount": self.running_node_count,
            "idleNodeCount": self.idle_node_count,
            "unusableNodeCount": self.unusable_node_count,
            "leavingNodeCount": self.leaving_node_count,
            "preemptedNodeCount": self.preempted_node_count,
        }


class TargetStatus(str):
    """v1's status of a target: a text, which also has the attributes of a cluster's status.

    The state of a declared target does not change, so ``allocation_state`` is "Steady". For a
    cluster, nodes are its own. For another target, ``current_node_count`` is the number of running
    runs, but at least ``min_nodes``. Times and errors are None: only a cluster in Azure has them.
    """

    allocation_state = "Steady"
    allocation_state_transition_time = None
    creation_time = None
    errors = None
    modified_time = None
    provisioning_state_transition_time = None

    scale_settings: ScaleSettings
    node_state_counts: NodeStateCounts
    vm_size: str
    vm_priority: str

    def __new__(
        cls,
        state: str,
        scale_settings: ScaleSettings,
        node_state_counts: NodeStateCounts,
        vm_size: str,
        vm_priority: str,
    ) -> TargetStatus:
        status = str.__new__(cls, state)
        status.scale_settings = scale_settings
        status.node_state_counts = node_state_counts
        status.vm_size = vm_size
        status.vm_priority = vm_priority
        return status

    @property
    def provisioning_state(self) -> str:
        """The state itself."""
        return str(self)

    @property
    def current_node_count(self) -> int:
        """How many nodes there are now."""
        return self.node_state_counts.running_node_count + self.node_state_counts.idle_node_count

    @property
    def target_node_count(self) -> int:
        """The same as :attr:`current_node_count`, since amlflow does not add nodes."""
        return self.current_node_count

    def serialize(self) -> dict[str, Any]:
        """Return the status with v1's keys."""
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": self.node_state_counts.serialize(),
            "allocationState": self.allocation_state,
            "allocationStateTransitionTime": self.allocation_state_transition_time,
            "errors": self.errors,
            "creationTime": self.creation_time,
            "modifiedTime": self.modified_time,
            "provisioningState": str(self),
            "provisioningStateTransitionTime": self.provisioning_state_transition_time,
            "scaleSettings": self.scale_settings.serialize(),
            "vmPriority": self.vm_priority,
            "vmSize": self.vm_size,
        }
