"""The arguments of the commands on compute targets."""

from __future__ import annotations

from typing import Any

from amlflow.cli.data_arguments import argument

TARGET_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": argument("--name", "-n", help="Name of the compute target.", required=True),
    "kind": argument("--kind", help="Plugin that runs it, such as local.", required=True),
    "setting": argument(
        "--setting", help="Setting of the target as key=value; may be repeated.", action="append"
    ),
    "vm_size": argument("--vm-size", "-s", help="Size of virtual machine. It is only stored."),
    "max_nodes": argument(
        "--max-nodes", help="How many runs run at once.", required=True
    ),
    "min_nodes": argument("--min-nodes", help="Kept, as v1 shows it."),
    "idle_seconds": argument(
        "--idle-seconds-before-scaledown", help="Kept; 1800 if left out."
    ),
    "vm_priority": argument(
        "--vm-priority", "-p", help="dedicated or lowpriority; it is only kept.",
        default="dedicated",
    ),
    "target_tags": argument("--tags", help="Tag as key=value; may be repeated.", action="append"),
}  # fmt: skip
