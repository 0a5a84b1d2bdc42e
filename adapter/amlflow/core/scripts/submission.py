"""Submitting: from a configuration to a run whose agent has been started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from amlflow import file_lock
from amlflow.core.console import warn_once
from amlflow.core.data.declared import variables as store_variables
from amlflow.core.project.tracking_uri import client_variables, local_folders
from amlflow.core.runs.base import display_id
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY, draft_run
from amlflow.core.scripts.cluster_checks import check_distribution, check_reachable, open_node
from amlflow.core.scripts.command_line import check_packed, check_variables, command_line
from amlflow.core.scripts.containers import resolve_target
from amlflow.core.scripts.distribution import distribution_of, warn_of_one_machine
from amlflow.core.scripts.environment import (
    Environment,
    definition_to_keep,
    registered_version,
)
from amlflow.core.scripts.environment_needs import (
    check_dockerfile,
    choose_packages,
    with_packages,
)
from amlflow.core.scripts.environment_sections import DEFAULT_NAME, DEFAULT_PYTHON
from amlflow.core.scripts.run_configuration import RunConfiguration, defined_settings
from amlflow.core.scripts.script_data import (
    CollectedData,
    check_data,
    collect_data,
    definition_text,
)
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.scripts.sections import HistoryConfiguration
from amlflow.core.scripts.specify import specification_of
from amlflow.core.store import ExperimentBase, store_of, tracker_of
from amlflow.environments.room import ROOM
from amlflow.exceptions import ComputeTargetException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.jobs.cluster.payload import to_work
from amlflow.jobs.finding import REMEDY, fault_of, proof_of
from amlflow.jobs.job import (
    AGENT_PYTHON,
    SCRIPT_PYTHON,
    Job,
    JobFolder,
    Target,
    new_name,
    this_host,
)
from amlflow.jobs.launch import import_path, runs_here, script_variables
from amlflow.jobs.run_notes import ENVIRONMENT, JOB_NOTE, EndRequest
from amlflow.jobs.starting import Start, StartHere, StartOnCluster
from amlflow.plugins import open_cluster
from amlflow.relay.client import VARIABLE
from amlflow.run_errors import to_error
from amlflow.spec import (
    LAUNCHED,
    Feature,
    RunRecord,
    Status,
    Tracker,
    Unsupported,
    redacted,
)
from amlflow.systems import IS_WINDOWS

logger = logging.getLogger("amlflow")

TYPE = "azureml.scriptrun"
MAX_DEFINITION = 7000
"""Characters of a definition that a run keeps."""


def submit(
    config: ScriptRunConfig,
    experiment: ExperimentBase,
    tags: Mapping[str, Any] | None,
    parent: RunRecord | None,
    snapshot_id: str | None = None,
    **kwargs: Any,
) -> RunRecord:
    """Submit a script; see :meth:`Experiment.submit`. The record of the run is returned.

    ``snapshot_id`` takes the source from a snapshot that is stored already, instead of from
    ``source_directory``.

    Raises:
        UserErrorException: the script or the configuration cannot be run.
        Unsupported: the tracker lives in this process alone.
        SnapshotException: the source folder cannot be packed.
        ComputeTargetException: the target is unknown, or does not work now.
    """
    if kwargs:
        raise UserErrorException(f"submit does not know {', '.join(map(repr, kwargs))}.")
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
        environment=_variables(settings),
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
    folder = JobFolder(job.name)
    _check_own(folder.path.parent)
    variables = {**store_variables(experiment.workspace), **job.environment}
    job = dataclasses.replace(job, environment=variables)
    start: Start
    if cluster is not None:
        check_reachable(tracker.uri, target)
        check_distribution(distribution, cluster, target)
        cluster.check(to_work(job), tracker.uri)
        start = StartOnCluster(cluster, job)
    else:
        job = dataclasses.replace(
            job,
            environment={**job.environment, **script_variables(job, folder, runs_here(compute))},
            needs=[*job.needs, str(folder.journal), *([str(folder.data)] if collected else [])],
        )
        if dockerfile is None:  # otherwise its image is still to be built
            compute.check(job.work(folder))
        warn_of_one_machine(distribution, target)
        start = StartHere(job)
    with _make_folder(folder) as lock:
        return _launch(
            config, experiment, tags, parent, snapshot_id, job, folder, lock, collected, start
        )


def command_of(config: ScriptRunConfig, *, inside: bool) -> tuple[list[str], bool]:
    """The words to run and whether they are a script; see :func:`command_line`."""
    settings = config.run_config
    script = config.script if config.script is not None or config.command else settings.script
    command = config.command or (None if script else settings.command)
    arguments = config.arguments or settings.arguments
    return command_line(config.source_directory, script, command, arguments, inside=inside)


@contextlib.contextmanager
def _make_folder(folder: JobFolder) -> Iterator[contextlib.ExitStack]:
    """Make a job's folder, and remove it again if the job fails to start.

    The folder is locked until the stack that this yields is closed. Another process that finds the
    run learns from the lock that the job is being started, and without it that no process does so.
    """
    try:
        folder.make()
        _check_own(folder.path.parent)
        with contextlib.ExitStack() as lock:
            handle = folder.take()
            if handle is not None:
                lock.callback(file_lock.release, handle)
            yield lock
    except BaseException as failure:
        shutil.rmtree(folder.path, ignore_errors=True)
        if isinstance(failure, OSError):
            raise UserErrorException(
                f"The job could not be written to {str(folder.path)!r}: "
                f"{failure.strerror or failure}. AMLFLOW_JOBS names another folder for jobs."
            ) from failure
        raise


def _check_system(target: Target) -> None:
    if IS_WINDOWS and open_cluster(target.kind, target.settings) is None:
        raise ComputeTargetException(
            f"Scripts are not submitted to {target.name!r} on Windows: the process that follows a "
            "script needs fork and POSIX signals, which Windows does not have. Submit on Linux, on "
            "macOS or in the Windows Subsystem for Linux (WSL), or run the script here yourself; "
            "what it logs to a run of Experiment.start_logging() is stored as usual."
        )


def _check_own(jobs: Path) -> None:
    fault = fault_of(jobs)
    if fault is not None:
        raise UserErrorException(f"The jobs' folder {str(jobs)!r} is not used: {fault}. {REMEDY}")


def _check_shared(tracker: Tracker) -> None:
    if Feature.SHARED not in tracker.features:
        raise Unsupported(
            f"The tracker {redacted(tracker.uri)} exists in this process only, so a submitted "
            "script could not reach it. Use start_logging here, or another tracker."
        )


def _launch(
    config: ScriptRunConfig,
    experiment: ExperimentBase,
    tags: Mapping[str, Any] | None,
    parent: RunRecord | None,
    snapshot_id: str | None,
    job: Job,
    folder: JobFolder,
    lock: contextlib.ExitStack,
    collected: CollectedData | None,
    start: Start,
) -> RunRecord:
    tracker = tracker_of(experiment)
    if snapshot_id is None:
        root = Path(config.source_directory)
        files = snapshot.collect(root, snapshot.own_paths(tracker))
        if job.is_script:
            check_packed(job.command[0], files)
        digest = snapshot.pack(root, files, folder.snapshot)
    else:
        digest = snapshot.check_digest(snapshot_id)
        tracker.get_snapshot(digest, folder.snapshot)
    if job.environment_note is not None:
        environment = with_packages(config.run_config.environment, config.source_directory)
        folder.put(folder.definition, definition_to_keep(environment))
    with ThreadPoolExecutor(1) as pool, start.prepare() as status:
        # The snapshot is stored while the run is made: each takes a few calls to the tracker.
        storing = pool.submit(snapshot.keep, tracker, digest, folder.snapshot)
        draft = draft_run(
            experiment,
            parent=parent,
            type=TYPE,
            tags=tags,
            status=status,
            properties={
                SNAPSHOT_PROPERTY: digest,
                "_azureml.ComputeTargetType": job.target.kind,
            },
            system={
                "target": job.target.name,
                "script": config.script or config.run_config.script or "",
                "definition": _definition(config, job, collected),
                **({} if collected is None else collected.notes),
                LAUNCHED: "yes",
                **start.notes,
                **({ENVIRONMENT: json.dumps(job.environment_note)} if job.environment_note else {}),
                JOB_NOTE: json.dumps(
                    {"name": job.name, "host": this_host(), "proof": proof_of(folder)}
                ),
            },
        )
        [record] = tracker.create_runs([draft])
        try:
            storing.result()
            if collected is not None and collected.shown:
                tracker.show_inputs(record.id, collected.shown)
            context = _context(experiment, record)
            job = dataclasses.replace(
                job,
                run_id=record.id,
                environment={**job.environment, **context},
                snapshot=digest,
            )
            folder.write(job)
            start.start(tracker, job, folder, lock)
        except BaseException as failure:
            message = f"The run could not be started: {failure}"
            tracker.update_run(record.id, EndRequest(Status.FAILED, to_error(message)).change())
            raise
    return record


def _check_whole(config: ScriptRunConfig) -> None:
    """Refuse what would silently be left out."""
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


def _variables(settings: RunConfiguration) -> dict[str, str]:
    variables = {**settings.environment.environment_variables, **settings.environment_variables}
    return check_variables(variables)


def _own_environ() -> dict[str, str]:
    """The environment that the job gets, without what concerns the submitter's own run alone."""
    own = (AGENT_PYTHON, SCRIPT_PYTHON, ROOM, VARIABLE, "VIRTUAL_ENV") if ROOM in os.environ else ()
    return {name: value for name, value in os.environ.items() if name not in own}


def _python(settings: RunConfiguration) -> str | None:
    path = settings.environment.python.interpreter_path
    return None if path in (None, "", DEFAULT_PYTHON) else path


def _python_here() -> str | None:
    """The Python of the environment that the submitter itself runs in, if it runs in one."""
    return os.environ.get(SCRIPT_PYTHON, sys.executable) if ROOM in os.environ else None


def _context(experiment: ExperimentBase, record: RunRecord) -> dict[str, str]:
    """The variables by which the script finds its run: v1's, and those of MLflow's client."""
    store, tracker = store_of(experiment), tracker_of(experiment)
    return {
        "AZUREML_RUN_ID": display_id(record),
        "AZUREML_ARM_SUBSCRIPTION": store.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": store.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": store.workspace_name,
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
        "AZUREML_EXPERIMENT_ID": experiment.id,
        "AZUREML_SERVICE_ENDPOINT": redacted(store.uri),
        "MLFLOW_TRACKING_URI": tracker.uri,
        **client_variables(tracker.uri),
        "MLFLOW_EXPERIMENT_ID": record.experiment_id,
        "MLFLOW_RUN_ID": record.id,
        # Lines are to be seen when they are printed, and kept when the script is killed.
        "PYTHONUNBUFFERED": "1",
    }


def _environment_note(environment: Environment, is_made: bool) -> dict[str, Any] | None:
    """How the run names its environment; None where nothing is said of one."""
    if environment == Environment(environment.name) and environment.name == DEFAULT_NAME:
        return None
    return {
        "name": environment.name,
        "version": registered_version(environment),
        "is_made": is_made,
    }


def _definition(config: ScriptRunConfig, job: Job, collected: CollectedData | None) -> str:
    """v1's runDefinition. Values of environment variables may be secrets and stay out of it."""
    settings = config.run_config
    definition: dict[str, Any] = {
        "script": job.command[0] if job.is_script else None,
        "command": "" if job.is_script else shlex.join(job.command),
        "arguments": list(job.command[1:]) if job.is_script else [],
        "sourceDirectory": str(config.source_directory),
        "target": job.target.name,
        "communicator": settings.communicator or "None",
        "nodeCount": settings.node_count or 1,
        "environmentVariables": dict.fromkeys(job.environment, "***"),
        "history": {"outputCollection": True, "directoriesToWatch": ["logs"]},
        **defined_settings(settings),
        **definition_text(collected),
    }
    definition["environment"]["version"] = registered_version(settings.environment)
    python = definition["environment"]["python"]
    if len(json.dumps(python)) > MAX_DEFINITION // 2:
        python["condaDependencies"] = "(too long to keep)"
    text = json.dumps(definition)
    if len(text) > MAX_DEFINITION:
        definition["arguments"] = [f"({len(job.command) - 1} arguments, too long to keep)"]
        definition["command"] = definition["command"] and "(too long to keep)"
        text = json.dumps(definition)
    return text
