"""Finds the workspace, experiment and run of a command."""

from __future__ import annotations

from dataclasses import dataclass

from amlflow.cli.errors import Missing
from amlflow.core.arguments import check_experiment_name
from amlflow.core.experiment import Experiment
from amlflow.core.project.config_json import find_config
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace, known_workspaces
from amlflow.exceptions import UserErrorException, WrongUsage
from amlflow.spec import RunNotFound


@dataclass(frozen=True, slots=True)
class Where:
    """The workspace and experiment in a command's flags or in the folder's config.

    Flags come first, then the config in or above ``path``, then the default database.
    """

    workspace_name: str | None = None
    resource_group: str | None = None
    subscription_id: str | None = None
    path: str = "."
    experiment_name: str | None = None

    def workspace(self) -> Workspace:
        """Open the workspace. Raises :class:`Missing` if this machine does not know its name."""
        config = find_config(self.path)
        if self.workspace_name is None:
            return Workspace.from_config(self.path)
        if config is not None and config.workspace_name == self.workspace_name:
            return Workspace.from_config(self.path)
        workspaces = [
            workspace for workspace in all_workspaces()
            if workspace.name == self.workspace_name
            and self.resource_group in (None, workspace.resource_group)
            and self.subscription_id in (None, workspace.subscription_id)
        ]  # fmt: skip
        if not workspaces:
            raise Missing(
                f"This machine does not know the workspace {self.workspace_name!r}. `amlflow "
                "workspace list` lists the workspaces, and `amlflow folder attach -w` makes one."
            )
        return Workspace.get(self.workspace_name, None, self.subscription_id, self.resource_group)

    def named_experiment(self) -> str | None:
        """The experiment's name: from the flag, or else the attached folder's experiment."""
        if self.experiment_name is not None:
            return self.experiment_name
        config = find_config(self.path)
        return None if config is None else config.experiment_name

    def experiment(self, workspace: Workspace) -> Experiment | None:
        """Open the experiment; None if neither the flag nor the folder names one.

        Raises :class:`Missing` if the workspace does not have the experiment.
        """
        name = self.named_experiment()
        if name is None:
            return None
        for experiment in Experiment.list(workspace, name, "All"):
            return experiment
        if self.experiment_name is None:
            return None  # the attached folder's experiment, which its first run will make
        raise Missing(
            f"Experiment {name!r} does not exist in the workspace {workspace.name!r}. "
            "`amlflow experiment list` lists the experiments."
        )

    def run(self, run_id: str) -> Run:
        """Open a run. Raises RunNotFound."""
        workspace = self.workspace()
        experiment = self.experiment(workspace) if self.named_experiment() else None
        if experiment is not None:
            try:
                return Run(experiment, run_id)
            except RunNotFound:
                # A run need not be in the attached folder's experiment, so look elsewhere, too.
                if self.experiment_name is not None:
                    raise
        return workspace.get_run(run_id)


def all_workspaces() -> list[Workspace]:
    """List the workspaces that this machine knows."""
    return known_workspaces()


def open_named(workspace: Workspace, name: str) -> Experiment:
    """Open an experiment, or create it. Raises :class:`WrongUsage` if the name is not valid."""
    try:
        check_experiment_name(name)
    except UserErrorException as error:
        for experiment in Experiment.list(workspace, name, "All"):  # another client's, of any name
            return experiment
        raise WrongUsage(error.message) from error
    return Experiment(workspace, name)
