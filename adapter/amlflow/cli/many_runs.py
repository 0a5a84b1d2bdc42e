"""Commands on one run or several: cancel, and set tags.

For one run, the result is v1's. Several are changed one after the other; if some of them fail, the
command changes the others, and ends with an error and the outcome of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from amlflow.cli.checks import parse_tag
from amlflow.cli.errors import Unsuccessful
from amlflow.cli.runs import document
from amlflow.cli.scope import Where
from amlflow.core.runs.run import Run
from amlflow.exceptions import AzureMLException
from amlflow.spec import FINAL


def cancel(*, several_run_ids: list[str], with_children: bool, **where: Any) -> Any:
    """``run cancel``: one run, or several, or with ``--with-children`` all below them, too."""
    scope = Where(**where)
    if len(several_run_ids) == 1 and not with_children:
        scope.run(several_run_ids[0]).cancel()
        return "Experiment run canceled successfully."
    runs = {run.id: run for run in map(scope.run, several_run_ids)}
    if with_children:
        for run in list(runs.values()):
            runs.update((child.id, child) for child in run.get_children(recursive=True))
        # A run that has ended is not an error, since a parent may end before its children.
        runs = {run_id: run for run_id, run in runs.items() if run.get_status() not in FINAL}

    return _do_for_each(list(runs.values()), Run.cancel, "cancelled")


def update(*, several_run_ids: list[str], add_tag: list[str], **where: Any) -> Any:
    """``run update``."""
    tags = dict(parse_tag("--add-tag", text) for text in add_tag)
    scope = Where(**where)
    if len(several_run_ids) == 1:
        run = scope.run(several_run_ids[0])
        run.set_tags(tags)
        return document(run)

    runs = [scope.run(run_id) for run_id in dict.fromkeys(several_run_ids)]
    _do_for_each(runs, lambda run: run.set_tags(tags), "updated")
    return [document(run) for run in runs]


def _do_for_each(
    runs: Sequence[Run], act: Callable[[Run], None], done: str
) -> list[dict[str, Any]]:
    """Do something for each run, and return the outcomes.

    Raises :class:`Unsuccessful` with the outcomes if it failed for a run.
    """
    outcomes: list[dict[str, Any]] = []
    for run in runs:
        try:
            act(run)
        except AzureMLException as error:
            outcomes.append({"run_id": run.id, "error": error.message})
        else:
            outcomes.append({"run_id": run.id, "error": None})
    failed = [outcome for outcome in outcomes if outcome["error"]]
    if failed:
        raise Unsuccessful(
            f"{len(failed)} of {len(outcomes)} runs were not {done}. The first one: "
            f"{failed[0]['error']}",
            outcomes,
        )
    return outcomes
