"""Compute targets by name: ``local``, those of ``.azureml/compute.yaml``, and attached ones.

``.azureml/compute.yaml`` declares targets by name. project_files.py says where it is searched
for::

    gpu-cluster:
      kind: docker          # the plugin that runs it. All keys but max_runs are for the plugin
      max_runs: 1           # how many runs go on at once. The default depends on the kind
      image: my-image
    local:
      kind: local           # this machine. You need not declare it
      max_runs: 2

Attached targets (``amlflow computetarget attach``) belong to a workspace, for this user on this
machine. If a declared and an attached target have the same name, the declared one is used.

``defaults`` is not a target. It has the kind and the settings of targets that v1's code creates
(clusters.py). Such a target has the arguments of the code under ``cluster``. The environment
variable ``AMLFLOW_DEFAULT_TARGET`` names the target that replaces each unknown one.
"""

from __future__ import annotations

import copy
import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.core.console import warn_once
from amlflow.core.project.attached import Attached
from amlflow.core.project.config_json import FOLDER
from amlflow.core.project.project_files import find_project_files
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException, UserErrorException
from amlflow.plugins import open_cluster, open_compute
from amlflow.user_files import parse_yaml, read_text

if TYPE_CHECKING:
    from amlflow.jobs.job import Target
    from amlflow.spec import Cluster

LOCAL = "local"
FILE = "compute.yaml"
DEFAULTS = "defaults"
"""The key in the file that is not a target: it has the settings of targets that code creates."""
CLUSTER = "cluster"
"""The key, in a target that v1's code has created, with the arguments of the code."""
ATTACHED = Attached("compute")
STAND_IN_SETTING = "AMLFLOW_DEFAULT_TARGET"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class UnknownTarget(ComputeTargetException, KeyError):
    """No compute target has this name. It is also a KeyError: ``compute_targets`` is a dict."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A target's name and settings.

    ``is_cluster`` says that it replaces a cluster of Azure: v1's code has created it, or has named
    an unknown cluster that ``AMLFLOW_DEFAULT_TARGET`` replaces.
    """

    name: str
    settings: Mapping[str, Any]
    is_cluster: bool


def read_declarations(workspace: WorkspaceBase) -> dict[str, Mapping[str, Any]]:
    """The settings of each target by its name: ``kind``, ``max_runs`` and the plugin's settings."""
    return {LOCAL: {"kind": LOCAL}, **ATTACHED.read_all(workspace), **_read_declared(workspace)}


def find(workspace: WorkspaceBase, name: str) -> Declaration:
    """Return the declaration of a target. ``AMLFLOW_DEFAULT_TARGET`` replaces an unknown target.

    Raises:
        ComputeTargetException: the target is unknown, and is not replaced by a known one.
    """
    declarations = read_declarations(workspace)
    if name in declarations:
        return Declaration(name, declarations[name], CLUSTER in declarations[name])
    stand_in = os.environ.get(STAND_IN_SETTING)
    if not stand_in:
        raise unknown_target(workspace, name, declarations)
    if stand_in not in declarations:
        raise UnknownTarget(
            f"Compute target {name!r} does not exist, and {STAND_IN_SETTING}={stand_in}, which "
            f"would replace it, does not exist either. These exist: "
            f"{', '.join(sorted(declarations))}."
        )
    warn_once(
        f"Compute target {name!r} does not exist. {stand_in!r} is used instead, because of "
        f"{STAND_IN_SETTING}."
    )
    return Declaration(stand_in, declarations[stand_in], is_cluster=True)


def unknown_target(
    workspace: WorkspaceBase, name: str, targets: Mapping[str, Any]
) -> UnknownTarget:
    """The error for a name that no target has."""
    return UnknownTarget(
        f"Compute target {name!r} does not exist in workspace {workspace.name!r}, which has: "
        f"{', '.join(sorted(targets))}. Declare it in {FOLDER}/{FILE}, such as\n"
        f"{name}:\n  kind: local\n"
        f"or attach it with `amlflow computetarget attach -n {name} --kind local`. With "
        f"{STAND_IN_SETTING}={LOCAL}, this machine replaces each unknown target."
    )


def open_target(name: str, declaration: Mapping[str, Any]) -> Target:
    """Make the target of a job from a declaration.

    Raises :class:`ComputeTargetException` if a setting is not valid.
    """
    from amlflow.jobs.job import Target  # it locks files, which not all systems support

    kind, settings, max_runs = _split(name, declaration)
    if open_cluster(kind, settings) is not None:  # a cluster has its own queue
        if max_runs is not None:
            raise ComputeTargetException(
                f"The compute target {name!r} has max_runs: {max_runs}. Remove max_runs: a cluster "
                f"of the kind {kind!r} itself decides how many jobs run at once."
            )
        return Target(name=name, kind=kind, settings=settings)
    compute = open_compute(kind, settings)
    if max_runs is None:
        max_runs = compute.max_runs
    return Target(name=name, kind=kind, settings=settings, max_runs=max_runs)


def find_cluster(workspace: WorkspaceBase, name: str | None) -> Cluster | None:
    """Return the cluster of a declared target; None if the target is not a cluster."""
    declaration = read_declarations(workspace).get(name or "")
    if declaration is None:
        return None
    kind, settings, _ = _split(name or "", declaration)
    return open_cluster(kind, settings)


def attach(
    workspace: WorkspaceBase, name: str, kind: str, settings: Mapping[str, Any] | None = None
) -> None:
    """Attach a target to a workspace, for this user on this machine.

    ``settings`` are ``max_runs`` and the settings for the plugin. An attached target of the same
    name is replaced.

    Raises:
        ComputeTargetException: the name is not valid, or the kind or a setting is unknown.
    """
    check_name(name)
    declaration = {"kind": kind, **(settings or {})}
    open_target(name, declaration)
    ATTACHED.write(workspace, name, declaration)


def detach(workspace: WorkspaceBase, name: str) -> None:
    """Remove an attached target. Raises :class:`ComputeTargetException` if it is not attached."""
    if not ATTACHED.remove(workspace, name):
        where = f" It is declared in {FOLDER}/{FILE}." if name in _read_declared(workspace) else ""
        raise UnknownTarget(
            f"The compute target {name!r} is not attached to workspace {workspace.name!r}.{where}"
        )


def check_name(name: str) -> None:
    """Raise :class:`ComputeTargetException` if a name is not valid for a target."""
    if not _NAME.fullmatch(name) or name == DEFAULTS:
        raise ComputeTargetException(
            f"{name!r} is not a valid name for a compute target: use 1-64 letters, digits, '_', "
            f"'-' and '.', start with a letter or a digit, and do not use {DEFAULTS!r}."
        )


def _split(name: str, declaration: Mapping[str, Any]) -> tuple[str, dict[str, Any], int | None]:
    settings = dict(declaration)
    settings.pop(CLUSTER, None)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        raise ComputeTargetException(
            f"The compute target {name!r} lacks 'kind'. Name the plugin that runs it, such as "
            "'local' or 'docker'."
        )
    max_runs = settings.pop("max_runs", None)
    if max_runs is not None and not (isinstance(max_runs, int) and max_runs > 0):
        raise ComputeTargetException(
            f"The compute target {name!r} has max_runs: {max_runs!r}, which is not a whole number "
            "above 0."
        )
    return kind, settings, max_runs


def read_defaults(workspace: WorkspaceBase) -> dict[str, Any]:
    """The kind and settings of a target that code creates."""
    return {"kind": LOCAL, **_read_files(workspace).get(DEFAULTS, {})}


def _read_declared(workspace: WorkspaceBase) -> dict[str, Mapping[str, Any]]:
    content = _read_files(workspace)
    return {name: settings for name, settings in content.items() if name != DEFAULTS}


def _read_files(workspace: WorkspaceBase) -> dict[str, Mapping[str, Any]]:
    content: dict[str, Mapping[str, Any]] = {}
    for path in reversed(find_project_files(workspace, FILE)):
        content.update(read_file(path))
    return content


def read_file(path: Path) -> dict[str, Mapping[str, Any]]:
    """Read a compute.yaml: each target, and ``defaults`` if the file has it.

    Raises:
        ComputeTargetException: the file is not valid.
    """
    try:
        content = copy.deepcopy(_parse(read_text(path), path)) or {}
    except UserErrorException as error:
        raise ComputeTargetException(error.message) from None
    if not isinstance(content, dict):
        raise ComputeTargetException(
            f"{path} is a {type(content).__name__}. It must map the name of each compute target to "
            "its kind and settings."
        )
    for name, declaration in content.items():
        if not isinstance(name, str) or not isinstance(declaration, dict):
            raise ComputeTargetException(
                f"{path}: {name!r} is not a compute target. Write a name, and below it its kind "
                "and settings."
            )
    return content


@functools.lru_cache(maxsize=4)
def _parse(text: str, path: Path) -> Any:
    """Parse YAML. For a list of scripts, the same text is parsed only once."""
    return parse_yaml(text, path)
