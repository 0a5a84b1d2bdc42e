"""The classes that :meth:`Experiment.submit` accepts, and the functions that submit them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from amlflow.core.arguments import check_class
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.store import ExperimentBase
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunRecord


def submit_config(
    experiment: ExperimentBase,
    config: Any,
    tags: dict[str, str] | None,
    parent: RunRecord | None,
    **kwargs: Any,
) -> RunRecord:
    """Submit a configuration, and return the record of its run."""
    for kind, submitter in SUBMITTERS.items():
        if isinstance(config, kind):
            return submitter(experiment, config, tags, parent, **kwargs)
    raise UserErrorException(
        f"A {type(config).__name__} cannot be submitted; a ScriptRunConfig can: "
        "experiment.submit(ScriptRunConfig(source_directory='.', script='train.py'))."
    )


def submit_configs(
    experiment: ExperimentBase,
    configs: Sequence[Any],
    tags: Any,
    parent: RunRecord | None,
    **kwargs: Any,
) -> list[RunRecord]:
    """Submit a list of configurations of scripts, and return the records of their runs."""
    # Imported when scripts are submitted, for the reasons in _submit_script.
    from amlflow.core.scripts.many import submit_many

    for config in configs:
        check_class(
            config,
            ScriptRunConfig,
            "A list that is submitted consists of ScriptRunConfigs",
            "experiment.submit([ScriptRunConfig('src', 'train.py')])",
        )
    return submit_many(configs, experiment, tags, parent, **kwargs)


def _submit_script(
    experiment: ExperimentBase,
    config: ScriptRunConfig,
    tags: dict[str, str] | None,
    parent: RunRecord | None,
    **kwargs: Any,
) -> RunRecord:
    # Imported when a script is submitted: it needs subprocess and modules that only some systems
    # have.
    from amlflow.core.scripts.submission import submit

    return submit(config, experiment, tags, parent, **kwargs)


SUBMITTERS: dict[type, Callable[..., RunRecord]] = {ScriptRunConfig: _submit_script}
"""For each class of configurations, the function that submits one. Its arguments are experiment,
configuration, tags, parent and further keywords. It returns the record of the run."""
