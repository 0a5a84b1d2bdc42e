"""Commands on experiments. To delete one is to archive it as in v1, so it can be restored."""

from __future__ import annotations

from typing import Any

from amlflow.cli.checks import checking_values
from amlflow.cli.errors import Missing
from amlflow.cli.scope import Where
from amlflow.core.arguments import check_experiment_name
from amlflow.core.experiment import Experiment
from amlflow.exceptions import UserErrorException


def list_experiments(**where: Any) -> list[dict[str, Any]]:
    """``experiment list``: lists all experiments, also archived ones."""
    items = Experiment.list(Where(**where).workspace(), view_type="All")
    return [
        {"name": item.name, "id": item.id, "archived_time": item.archived_time} for item in items
    ]


def show(*, one_experiment: str, **where: Any) -> dict[str, Any]:
    """``experiment show``."""
    return _describe(_find(one_experiment, where))


def create(*, one_experiment: str, **where: Any) -> dict[str, Any]:
    """``experiment create``."""
    with checking_values():
        check_experiment_name(one_experiment)
    workspace = Where(**where).workspace()
    if Experiment.list(workspace, one_experiment, "All"):
        raise UserErrorException(f"Experiment {one_experiment!r} exists already.")
    return _describe(Experiment(workspace, one_experiment))


def delete(*, one_experiment: str, **where: Any) -> str:
    """``experiment delete``: no list of active experiments shows it until it is restored."""
    experiment = _find(one_experiment, where)
    if experiment.archived_time is not None:
        raise UserErrorException(f"Experiment {one_experiment!r} is deleted already.")
    experiment.archive()
    return (
        f"Experiment {one_experiment!r} was deleted; its runs are kept. "
        f"`amlflow experiment restore -e {one_experiment}` brings it back."
    )


def restore(*, one_experiment: str, **where: Any) -> str:
    """``experiment restore``: brings a deleted experiment back with its runs."""
    experiment = _find(one_experiment, where)
    if experiment.archived_time is None:
        raise UserErrorException(f"Experiment {one_experiment!r} is not deleted.")
    experiment.reactivate()
    return f"Experiment {one_experiment!r} is restored."


def _find(name: str, where: dict[str, Any]) -> Experiment:
    workspace = Where(**where).workspace()
    for experiment in Experiment.list(workspace, name, "All"):
        return experiment
    raise Missing(
        f"Experiment {name!r} does not exist in the workspace {workspace.name!r}. "
        "`amlflow experiment list` lists the experiments."
    )


def _describe(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "id": experiment.id,
        "archived_time": experiment.archived_time,
        "tags": experiment.tags,
        "url": experiment.get_portal_url(),
    }
