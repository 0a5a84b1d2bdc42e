"""Commands that start, watch and end scripts, by the SDK's own calls."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any, TextIO

from amlflow.cli.checks import require_file
from amlflow.cli.errors import Unsuccessful
from amlflow.cli.progress import announce
from amlflow.cli.runs import document
from amlflow.cli.scope import Where, open_named
from amlflow.core.runs.base import reload_record
from amlflow.core.runs.status import RunStatus
from amlflow.core.runs.waiting import watch_run
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.exceptions import WrongUsage


def submit_script(
    *,
    run_configuration_name: str | None,
    source_directory: str | None,
    async_: bool,
    conda_dependencies: str | None,
    target: str | None,
    script: list[str],
    **where: Any,
) -> dict[str, Any]:
    """``run submit-script``: submits, and unless ``--async`` waits and streams."""
    scope = Where(**where)
    words = script[1:] if script[:1] == ["--"] else script
    settings = _settings(run_configuration_name, target, scope.path)
    configured = settings.get("run_config") or RunConfiguration()
    named = words[0] if words else configured.script or configured.command
    if not named:
        raise WrongUsage(
            "run submit-script needs a script, here or in the run configuration.\n"
            "It is `amlflow run submit-script -c local -e EXPERIMENT train.py --epochs 3`."
        )
    if conda_dependencies is not None:
        what = "a conda environment file. A relative path is below the working folder"
        require_file("--conda-dependencies", conda_dependencies, what)
    # Read before the experiment is made, so that an error in the file makes no experiment.
    packages = None if conda_dependencies is None else CondaDependencies(conda_dependencies)
    name = scope.named_experiment() or Path(scope.path).absolute().name
    workspace = scope.workspace()
    experiment = open_named(workspace, name)
    config = ScriptRunConfig(
        source_directory=source_directory or scope.path,
        script=words[0] if words else None,
        arguments=words[1:],
        **settings,
    )
    if packages is not None:
        python = config.run_config.environment.python
        python.conda_dependencies = packages
        python.user_managed_dependencies = False
    with announce(f"Submitting {named} to experiment {name}"):
        run = experiment.submit(config)
    if not async_:
        with _log_to_stderr():
            run.wait_for_completion(show_output=True, raise_on_error=False)
        reload_record(run)
        result = document(run)
        if result["status"] != RunStatus.COMPLETED:
            raise Unsuccessful(_describe_end(result), result)
    return document(run)


def _describe_end(result: dict[str, Any]) -> str:
    """Describe how and why a run ended that did not complete."""
    error = result["error"] or {}
    reason = str(error.get("error", {}).get("message") or "").strip()
    sentence = f"Run {result['run_id']} ended as {result['status']}."
    return f"{sentence}\n{reason}" if reason else sentence


def _settings(name: str | None, target: str | None, path: str) -> dict[str, Any]:
    """Return the arguments of ScriptRunConfig for a run configuration or a target's name."""
    if name is None:
        return {"compute_target": target}
    configuration = RunConfiguration.load(path, name)
    if target is not None:
        configuration.target = target
    return {"run_config": configuration}


def monitor_logs(*, run_id: str, **where: Any) -> dict[str, Any]:
    """``run monitor-logs``: streams until the end."""
    run = Where(**where).run(run_id)
    with _log_to_stderr():
        watch_run(run, sys.stdout)
    reload_record(run)
    return document(run)


def _log_to_stderr() -> contextlib.redirect_stdout[TextIO]:
    # stdout is only for the command's result, which programs read.
    return contextlib.redirect_stdout(sys.stderr)
