"""What a plugin implements, and how it marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pluggy

from amlflow.spec.compute import Compute
from amlflow.spec.records import RunRecord
from amlflow.spec.tracker import RunKeeper, Tracker

hookimpl = pluggy.HookimplMarker("amlflow")
"""Marks a plugin's functions that implement :class:`Hooks`.

The module of a tracker's plugin may also state ``features``, as its tracker does: ``amlflow
plugins`` prints them without opening a tracker. ``amlflow plugins check`` opens the tracker at
``check_uri``, where ``{folder}`` stands for an empty folder, and the compute target of the kind
``check_kind``.
"""


class Commands(Protocol):
    """What a plugin adds its own commands to."""

    def add(self, name: str, function: Callable[..., Any], example: str) -> None:
        """Make a function the command ``amlflow <name>``; a name may have several words.

        Its docstring is the command's help, with ``:param x:`` for each parameter. These are flags
        of text, required without a default, and without a value where the default is False.
        What it returns is printed as ``-o`` says. Help stays quick if the function imports what it
        needs when it is called.
        """


class Hooks:
    """What a plugin may implement, each marked with ``@hookimpl``.

    No hook of a plugin is in the way of another plugin: one that raises is named on the log, or in
    the error where nobody else could answer.
    """

    def amlflow_tracker(self, uri: str) -> Tracker | None:
        """Open the tracker at this URI, or return None to leave it to another plugin.

        Where two plugins take the same URI, both are named in an error.
        """

    def amlflow_run_keeper(self, uri: str) -> RunKeeper | None:
        """Open just what an agent needs of the tracker at this URI, or return None."""

    def amlflow_compute(self, kind: str, settings: Mapping[str, Any]) -> Compute | None:
        """Open a compute target of this kind, or return None to leave it to another plugin.

        Raises :class:`ComputeTargetException` for a setting that it does not know.
        """

    def amlflow_run_started(self, run: RunRecord) -> None:
        """A run has been started by this process."""

    def amlflow_run_ended(self, run: RunRecord) -> None:
        """A run has been ended by this process; its record has the final status."""

    def amlflow_commands(self, group: Commands) -> None:
        """Add commands to the command line; a name that is taken is refused."""
