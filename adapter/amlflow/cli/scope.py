"""Which workspace, experiment and run a command is about."""

from __future__ import annotations

from dataclasses import dataclass

from amlflow.cli.errors import Missing, WrongUsage
from amlflow.core.arguments import check_experiment_name
from amlflow.core.experiment import Experiment
from amlflow.core.project.config_json import find_config
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace, known_workspaces
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunNotFound


@dataclass(frozen=True, slots=True)
class Where:
    """What the flags and the folder's config say.

    The flags come first, then the config found from ``path`` upwards, then the embedded default.
    """

    workspace_name: str | None = None
    resource_group: str | None = None
    subscription_id: str | None = None
    path: str = "."
    experiment_name: str | None = None

    def workspace(self) -> Workspace:
        """The workspace. Raises :class:`Missing` where none is known by the flags' names."""
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
                f"Workspace {self.workspace_name!r} does not exist here; `amlflow workspace list` "
                "shows those that exist, and `amlflow folder attach -w` makes one."
            )
        return Workspace.get(self.workspace_name, None, self.subscription_id, self.resource_group)

    def named_experiment(self) -> str | None:
        """The name of the experiment meant: the flag's, or the attached folder's."""
        if self.experiment_name is not None:
            return self.experiment_name
        config = find_config(self.path)
        return None if config is None else config.experiment_name

    def experiment(self, workspace: Workspace) -> Experiment | None:
        """The experiment; None where neither flag nor folder names one.

        Raises :class:`Missing` where the tracking store has none of that name.
        """
        name = self.named_experiment()
        if name is None:
            return None
        for experiment in Experiment.list(workspace, name, "All"):
            return experiment
        if self.experiment_name is None:
            return None  # the folder is attached to one that no run has made yet
        raise Missing(
            f"Experiment {name!r} does not exist in the workspace {workspace.name!r}; "
            "`amlflow experiment list` shows those that exist."
        )

    def run(self, run_id: str) -> Run:
        """The run. Raises RunNotFound."""
        workspace = self.workspace()
        experiment = self.experiment(workspace) if self.named_experiment() else None
        if experiment is not None:
            try:
                return Run(experiment, run_id)
            except RunNotFound:
                # The attached folder's experiment is where to look first, and not the only place.
                if self.experiment_name is not None:
                    raise
        return workspace.get_run(run_id)


def all_workspaces() -> list[Workspace]:
    """The workspaces known here."""
    return known_workspaces()


def open_named(workspace: Workspace, name: str) -> Experiment:
    """The experiment of a name, created if there is none. Raises :class:`WrongUsage`."""
    try:
        check_experiment_name(name)
    except UserErrorException as error:
        for experiment in Experiment.list(workspace, name, "All"):  # another client's, of any name
            return experiment
        raise WrongUsage(error.message) from error
    return Experiment(workspace, name)
