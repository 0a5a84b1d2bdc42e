"""What a plugin implements, and how it marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pluggy

from amlflow.spec.cluster import Cluster
from amlflow.spec.compute import Compute
from amlflow.spec.records import RunRecord
from amlflow.spec.tracker import ClientServer, RunKeeper, Tracker

hookimpl = pluggy.HookimplMarker("amlflow")
"""Marks the functions of a plugin that implement :class:`Hooks`.

The module of a tracker plugin can also define ``features``, with the features of its tracker:
``amlflow plugins`` prints them without opening a tracker. ``amlflow plugins check`` opens the
tracker at ``check_uri``, in which ``{folder}`` stands for an empty folder, the compute target of
the kind ``check_kind`` and the cluster of the kind ``check_cluster``. The nodes of that cluster
must be this machine.
"""


class Commands(Protocol):
    """The command line, to which a plugin adds its own commands."""

    def add(self, name: str, function: Callable[..., Any], example: str) -> None:
        """Add a command ``amlflow <name>`` that calls a function; a name may have several words.

        The function's docstring is the help text, with ``:param x:`` for each parameter. A
        parameter becomes a flag with a text value; it is required if it has no default, and takes
        no value if its default is False. The return value is printed in the format that ``-o``
        names. Import what the function needs inside the function, so that ``--help`` stays fast.
        """


class Hooks:
    """What a plugin can implement: mark each function with ``@hookimpl``.

    A plugin that raises does not stop the others: it is named on the log, or in the error if no
    other plugin can answer. An implementation may leave out arguments that it does not need.
    """

    def amlflow_tracker(self, uri: str) -> Tracker | None:
        """Open the tracker at this URI, or return None to leave it to another plugin.

        If two plugins take the same URI, an error names both.
        """

    def amlflow_absolute_uri(self, uri: str) -> str | None:
        """What a URI that is a scheme alone names, such as ``trackio://``, or None.

        It may depend on the environment. It is asked where a workspace is opened, so that trackers
        and what is journaled for them are known by the absolute URI alone.
        """

    def amlflow_run_keeper(self, uri: str) -> RunKeeper | None:
        """Open the part of the tracker at this URI that an agent needs, or return None."""

    def amlflow_client_server(
        self, uri: str, packages: Path, environ: Mapping[str, str]
    ) -> ClientServer | None:
        """Serve the tracker at this URI to its own client in a folder of packages, or return None.

        An agent asks before it starts a script that has packages of its own. ``environ`` has the
        script's environment variables, such as credentials of the user. Return None if that
        client can open the tracker itself, or if the folder has none. Raises
        :class:`UserErrorException` if the client cannot open the tracker and cannot be served: the
        script starts nevertheless, and the message becomes a warning of its run.
        """

    def amlflow_node_variables(self, uri: str) -> Mapping[str, str] | None:
        """The environment variables that a cluster's nodes need to use the tracker at this URI.

        A job of a cluster gets the variables of its submitter, and not its files. So return what
        this machine has in files of the user, such as a password. Return None if there is nothing.
        """

    def amlflow_compute(self, kind: str, settings: Mapping[str, Any]) -> Compute | None:
        """Open a compute target of this kind, or return None to leave it to another plugin.

        Raises :class:`ComputeTargetException` for an unknown setting.
        """

    def amlflow_cluster(self, kind: str, settings: Mapping[str, Any]) -> Cluster | None:
        """Open a cluster of this kind, or return None to leave it to another plugin.

        A kind is that of a cluster or of a compute target, and not of both. Raises
        :class:`ComputeTargetException` for an unknown setting.
        """

    def amlflow_explain_failure(self, output: str) -> str | None:
        """Say in a sentence what the last lines of a failed script's output mean, and what to do.

        Return None for lines that are not about the plugin. The sentence is added to the error of
        the run.
        """

    def amlflow_run_started(self, run: RunRecord) -> None:
        """This process has started a run."""

    def amlflow_run_ended(self, run: RunRecord) -> None:
        """This process has ended a run; the record has the final status."""

    def amlflow_commands(self, group: Commands) -> None:
        """Add commands to the command line; a name that exists already is refused."""
