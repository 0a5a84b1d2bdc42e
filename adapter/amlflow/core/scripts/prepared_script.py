"""Checks a script before its run is made, and describes the job."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from amlflow.client_address import without_address
from amlflow.core.console import warn_once
from amlflow.core.data.declared import variables as store_variables
from amlflow.core.project.project_files import variables as project_variables
from amlflow.core.project.tracking_uri import local_folders
from amlflow.core.scripts.cluster_checks import check_distribution, check_reachable, open_node
from amlflow.core.scripts.command_line import check_variables, command_line
from amlflow.core.scripts.containers import resolve_target
from amlflow.core.scripts.distribution import distribution_of
from amlflow.core.scripts.environment import Environment, definition_of, registered_version
from amlflow.core.scripts.environment_needs import check_dockerfile, choose_packages
from amlflow.core.scripts.environment_sections import DEFAULT_NAME, DEFAULT_PYTHON
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.script_data import CollectedData, check_data, collect_data
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.scripts.sections import HistoryConfiguration
from amlflow.core.scripts.specify import specification_of, variables_of
from amlflow.core.store import ExperimentBase, tracker_of
from amlflow.exceptions import ComputeTargetException, UserErrorException
from amlflow.jobs.cluster.payload import to_work
from amlflow.jobs.job import AGENT_PYTHON, SCRIPT_PYTHON, Job, Target, new_name
from amlflow.jobs.launch import import_path
from amlflow.jobs.notebook import without_notebook
from amlflow.parts import ROOM
from amlflow.plugins import open_cluster
from amlflow.relay.client import VARIABLE
from amlflow.spec import Cluster, Compute, Feature, Tracker, Unsupported, redacted, without_place
from amlflow.systems import IS_WINDOWS

logger = logging.getLogger("amlflow")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedScript:
    """A configuration that has been checked, and the job that it becomes.

    The job lacks the values that are known only when its run has been made, such as the run's id.
    ``cluster`` is None if the target runs jobs on this machine. ``compute`` runs the script, on
    this machine or on a node of the cluster.
    """

    config: ScriptRunConfig
    job: Job
    compute: Compute
    cluster: Cluster | None = None
    collected: CollectedData | None = None


def prepare_script(
    config: ScriptRunConfig, experiment: ExperimentBase, snapshot_id: str | None = None
) -> PreparedScript:
    """Check a configuration, and return its job. :meth:`Experiment.submit` has ``snapshot_id``.

    Raises:
        UserErrorException: the script or the configuration cannot be run.
        Unsupported: the tracker exists only in this process.
        ComputeTargetException: the target is unknown.
    """
    _check_whole(config)
    distribution = distribution_of(config.run_config)
    tracker = tracker_of(experiment)
    _check_shared(tracker)
    settings = config.run_config
    target = resolve_target(experiment.workspace, settings)
    _check_system(target)
    check_data(settings)
    collected = collect_data(config, experiment.workspace)
    command, is_script = command_of(config, inside=snapshot_id is None)
    specification = specification_of(
        settings.environment.name,
        settings.environment.python,
        config.source_directory,
        lambda: tracker,
    )
    cluster = open_cluster(target.kind, target.settings)
    compute = open_node(target, cluster)
    specification = choose_packages(specification, compute)
    dockerfile = check_dockerfile(settings, target, compute)
    job = Job(
        name=new_name(),
        run_id="",
        tracking_uri=tracker.uri,
        target=target,
        command=command,
        is_script=is_script,
        environ=_own_environ(),
        environment=_variables(settings, config.source_directory),
        agent_python=os.environ.get(AGENT_PYTHON, sys.executable),
        import_path=import_path(),
        submitted_from=os.getcwd(),
        python=_python(settings) or _python_here(),
        room=os.environ.get(ROOM),
        image=settings.environment.docker.image(),
        dockerfile=None if dockerfile is None else dockerfile.to_json(),
        specification=None if specification is None else specification.to_json(),
        environment_note=_environment_note(
            settings.environment, specification is not None or dockerfile is not None
        ),
        data=None if collected is None else collected.data.to_content(),
        max_seconds=settings.max_run_duration_seconds,
        distribution=distribution,
        needs=[*local_folders(tracker.uri), *([] if collected is None else collected.needs)],
    )
    workspace = experiment.workspace
    folders = {**store_variables(workspace), **project_variables(workspace)}
    return PreparedScript(
        config=config,
        job=dataclasses.replace(job, environment={**folders, **job.environment}),
        compute=compute,
        cluster=cluster,
        collected=collected,
    )


def check_for_cluster(script: PreparedScript, cluster: Cluster) -> None:
    """Check that a cluster of this kind can run the script, without asking the cluster.

    Raises:
        ComputeTargetException: it cannot.
    """
    job = script.job
    check_reachable(job.tracking_uri, job.target)
    check_distribution(job.distribution, cluster, job.target)


def check_on_cluster(script: PreparedScript, cluster: Cluster) -> None:
    """Check that the cluster can run the script. This also asks the cluster.

    Raises:
        ComputeTargetException: it cannot.
    """
    check_for_cluster(script, cluster)
    cluster.check(to_work(script.job), script.job.tracking_uri)


def command_of(config: ScriptRunConfig, *, inside: bool) -> tuple[list[str], bool]:
    """Return the words to run, and whether they are a script, as :func:`command_line` does."""
    settings = config.run_config
    script = config.script if config.script is not None or config.command else settings.script
    command = config.command or (None if script else settings.command)
    arguments = config.arguments or settings.arguments
    return command_line(config.source_directory, script, command, arguments, inside=inside)


def _check_system(target: Target) -> None:
    if IS_WINDOWS and open_cluster(target.kind, target.settings) is None:
        raise ComputeTargetException(
            f"Scripts are not submitted to {target.name!r} on Windows: the process that follows a "
            "script needs fork and POSIX signals, which Windows does not have. Submit on Linux, on "
            "macOS or in the Windows Subsystem for Linux (WSL), or run the script here yourself; "
            "what it logs to a run of Experiment.start_logging() is stored as usual."
        )


def _check_shared(tracker: Tracker) -> None:
    if Feature.SHARED not in tracker.features:
        raise Unsupported(
            f"The tracker {redacted(tracker.uri)} exists in this process only, so a submitted "
            "script could not reach it. Use start_logging here, or another tracker."
        )


def _check_whole(config: ScriptRunConfig) -> None:
    """Refuse wrong settings, and warn of ignored ones, so that nothing is ignored silently."""
    if not isinstance(config.source_directory, (str, os.PathLike)):
        raise UserErrorException(
            f"source_directory={config.source_directory!r} is not a path; it is the folder with "
            "the script, such as '.'."
        )
    if config.resume_from is not None:
        logger.warning("resume_from is ignored: the script itself finds where it left off.")
    settings = config.run_config
    _warn_of_unused(settings)
    max_seconds = settings.max_run_duration_seconds
    if max_seconds is not None and not (isinstance(max_seconds, (int, float)) and max_seconds > 0):
        raise UserErrorException(
            f"max_run_duration_seconds={max_seconds!r} is not a number of seconds above 0."
        )


def _warn_of_unused(settings: RunConfiguration) -> None:
    registry = settings.environment.docker.base_image_registry
    if registry.username or registry.password:
        warn_once(
            "The user and password of environment.docker.base_image_registry are not used: "
            f"`docker login {registry.address or 'ADDRESS'}` gives access to the registry."
        )
    if settings.history != HistoryConfiguration():
        warn_once(
            "run_config.history is ignored: a run always keeps its snapshot, outputs/ and logs/."
        )


def _variables(settings: RunConfiguration, folder: str) -> dict[str, str]:
    environment = settings.environment
    of_conda = variables_of(environment.python, folder)
    own = {**environment.environment_variables, **settings.environment_variables}
    return check_variables({**of_conda, **own})


def _own_environ() -> dict[str, str]:
    """Return the job's environment variables: those of this process, except those of its own run.

    If this process is itself a submitted script, some variables describe only its own run.
    """
    own = [AGENT_PYTHON, SCRIPT_PYTHON, ROOM, VARIABLE, "VIRTUAL_ENV"]
    own += ["CONDA_PREFIX", "CONDA_DEFAULT_ENV"] if _is_in_conda() else []
    # A copy, because reading os.environ encodes each name and decodes each value.
    inherited = without_address(without_notebook(without_place(dict(os.environ))))
    is_own_run = ROOM in os.environ
    return {name: value for name, value in inherited.items() if not is_own_run or name not in own}


def _is_in_conda() -> bool:
    """Whether the Python of this script is that of the conda environment that is active."""
    prefix = os.environ.get("CONDA_PREFIX")
    return bool(prefix) and str(_python_here()).startswith(f"{prefix}{os.sep}")


def _python(settings: RunConfiguration) -> str | None:
    path = settings.environment.python.interpreter_path
    return None if path in (None, "", DEFAULT_PYTHON) else path


def _python_here() -> str | None:
    """Return the Python of the environment that this process runs in; None without one."""
    return os.environ.get(SCRIPT_PYTHON, sys.executable) if ROOM in os.environ else None


@functools.cache
def _unchanged_definition() -> dict[str, Any]:
    return definition_of(Environment(DEFAULT_NAME))


def _environment_note(environment: Environment, is_made: bool) -> dict[str, Any] | None:
    """Return the run's note of its environment; None for an unchanged default environment."""
    if environment.name == DEFAULT_NAME and definition_of(environment) == _unchanged_definition():
        return None
    return {
        "name": environment.name,
        "version": registered_version(environment),
        "is_made": is_made,
    }
