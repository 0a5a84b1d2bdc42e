"""Compute targets by name: ``local``, those of ``.azureml/compute.yaml``, and attached ones.

``.azureml/compute.yaml``, looked for from the working folder upwards, declares targets by name::

    gpu-cluster:
      kind: docker          # which plugin runs it; every other key but max_runs is the plugin's
      max_runs: 1           # so many runs at once, the others wait; left out: the kind's default
      image: my-image
    local:
      kind: local           # this machine, which is there undeclared, too
      max_runs: 2

Attached targets (``amlflow computetarget attach``) are the workspace's for this user on this
machine. A declared one comes before an attached one of the same name.

``defaults`` is not a target: it is the kind, and its settings, of the targets that v1's code
creates (clusters.py). Such a target has what the code asked for under ``cluster``. The environment
variable ``AMLFLOW_DEFAULT_TARGET`` names the target that stands in for each unknown one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.core.console import warn_once
from amlflow.core.project.attached import Attached, find_project_file
from amlflow.core.project.config_json import FOLDER
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException
from amlflow.plugins import open_cluster, open_compute

if TYPE_CHECKING:
    from amlflow.jobs.job import Target
    from amlflow.spec import Cluster

LOCAL = "local"
FILE = "compute.yaml"
DEFAULTS = "defaults"
"""The key in the file that is not a target's name: what targets that code creates are made of."""
CLUSTER = "cluster"
"""The key of a target that v1's code has created: what the code asked for."""
ATTACHED = Attached("compute")
STAND_IN_SETTING = "AMLFLOW_DEFAULT_TARGET"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class UnknownTarget(ComputeTargetException, KeyError):
    """No compute target has this name. Also a KeyError, as for any dict."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A target's name and settings.

    ``is_cluster``: it stands for a cluster in Azure. v1 code has created it, or named a cluster
    that another target stands in for.
    """

    name: str
    settings: Mapping[str, Any]
    is_cluster: bool


def read_declarations(workspace: WorkspaceBase) -> dict[str, Mapping[str, Any]]:
    """The settings of each target by its name: ``kind``, ``max_runs`` and the plugin's settings."""
    return {LOCAL: {"kind": LOCAL}, **ATTACHED.read_all(workspace), **_read_declared()}


def find(workspace: WorkspaceBase, name: str) -> Declaration:
    """The declaration of one target, or of the one that stands in for it.

    ``AMLFLOW_DEFAULT_TARGET`` names the target that stands in for each one that is unknown.

    Raises:
        ComputeTargetException: the target is unknown, and so is the one that is to stand in.
    """
    declarations = read_declarations(workspace)
    if name in declarations:
        return Declaration(name, declarations[name], CLUSTER in declarations[name])
    stand_in = os.environ.get(STAND_IN_SETTING)
    if not stand_in:
        raise unknown_target(workspace, name, declarations)
    if stand_in not in declarations:
        raise UnknownTarget(
            f"Compute target {name!r} does not exist, and neither does {stand_in!r}, which "
            f"{STAND_IN_SETTING} names to stand in for it; those that are there: "
            f"{', '.join(sorted(declarations))}."
        )
    warn_once(
        f"Compute target {name!r} does not exist, so {stand_in!r} stands in for it, as "
        f"{STAND_IN_SETTING} says."
    )
    return Declaration(stand_in, declarations[stand_in], is_cluster=True)


def unknown_target(
    workspace: WorkspaceBase, name: str, targets: Mapping[str, Any]
) -> UnknownTarget:
    """The error for a name that no target has."""
    return UnknownTarget(
        f"Compute target {name!r} does not exist in workspace {workspace.name!r}; those that are "
        f"there: {', '.join(sorted(targets))}. Declare it in {FOLDER}/{FILE}, such as\n"
        f"{name}:\n  kind: local\n"
        f"or attach it with `amlflow computetarget attach -n {name} --kind local`. With "
        f"{STAND_IN_SETTING}={LOCAL}, this machine stands in for each unknown target."
    )


def open_target(name: str, declaration: Mapping[str, Any]) -> Target:
    """A declared target as a job has it.

    Raises :class:`ComputeTargetException` for settings that are wrong.
    """
    from amlflow.jobs.job import Target  # locks files, as only some systems can

    kind, settings, max_runs = _split(name, declaration)
    if open_cluster(kind, settings) is not None:  # which has a queue of its own
        if max_runs is not None:
            raise ComputeTargetException(
                f"The compute target {name!r} has max_runs: {max_runs}; a cluster of the kind "
                f"{kind!r} decides itself how many jobs run at once. Leave max_runs out."
            )
        return Target(name=name, kind=kind, settings=settings)
    compute = open_compute(kind, settings)
    if max_runs is None:
        max_runs = compute.max_runs
    return Target(name=name, kind=kind, settings=settings, max_runs=max_runs)


def find_cluster(workspace: WorkspaceBase, name: str | None) -> Cluster | None:
    """The cluster behind a target of this machine; None if the target is not a cluster."""
    declaration = read_declarations(workspace).get(name or "")
    if declaration is None:
        return None
    kind, settings, _ = _split(name or "", declaration)
    return open_cluster(kind, settings)


def attach(
    workspace: WorkspaceBase, name: str, kind: str, settings: Mapping[str, Any] | None = None
) -> None:
    """Make a target known to a workspace, for this user on this machine.

    ``settings`` are the plugin's, and ``max_runs``. An attached target of this name is replaced.

    Raises:
        ComputeTargetException: the name is not valid, or the kind or a setting is unknown.
    """
    check_name(name)
    declaration = {"kind": kind, **(settings or {})}
    open_target(name, declaration)
    ATTACHED.write(workspace, name, declaration)


def detach(workspace: WorkspaceBase, name: str) -> None:
    """Forget an attached target. Raises :class:`ComputeTargetException` if it is not attached."""
    if not ATTACHED.remove(workspace, name):
        where = f" It is declared in {FOLDER}/{FILE}." if name in _read_declared() else ""
        raise UnknownTarget(
            f"The compute target {name!r} is not attached to workspace {workspace.name!r}.{where}"
        )


def check_name(name: str) -> None:
    """Raise :class:`ComputeTargetException` unless a target can have this name."""
    if not _NAME.fullmatch(name) or name == DEFAULTS:
        raise ComputeTargetException(
            f"{name!r} is not a name for a compute target: it is 1-64 letters, digits, '_', '-' "
            f"and '.', starts with a letter or a digit, and is not {DEFAULTS!r}."
        )


def _split(name: str, declaration: Mapping[str, Any]) -> tuple[str, dict[str, Any], int | None]:
    settings = dict(declaration)
    settings.pop(CLUSTER, None)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        raise ComputeTargetException(
            f"The compute target {name!r} has no 'kind', which says what runs it, such as "
            "'local' or 'docker'."
        )
    max_runs = settings.pop("max_runs", None)
    if max_runs is not None and not (isinstance(max_runs, int) and max_runs > 0):
        raise ComputeTargetException(
            f"The compute target {name!r} has max_runs: {max_runs!r}; it is a whole number above 0."
        )
    return kind, settings, max_runs


def _read_declared() -> dict[str, Mapping[str, Any]]:
    path = find_project_file(FILE)
    content = {} if path is None else read_file(path)
    return {name: settings for name, settings in content.items() if name != DEFAULTS}


def read_file(path: Path) -> dict[str, Mapping[str, Any]]:
    """The content of a compute.yaml: each target, and ``defaults`` if the file has it.

    Raises:
        ComputeTargetException: it is not such a file.
    """
    import yaml  # takes long to import, and most workspaces declare no target

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ComputeTargetException(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ComputeTargetException(
            f"{path} holds no compute targets: it maps each target's name to its kind and settings."
        )
    for name, declaration in content.items():
        if not isinstance(name, str) or not isinstance(declaration, dict):
            raise ComputeTargetException(
                f"{path}: {name!r} is not a compute target; a target is a name with a mapping of "
                "its kind and settings."
            )
    return content
