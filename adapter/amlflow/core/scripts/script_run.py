"""The run of a submitted script: its values, and what its job gets from it."""

from __future__ import annotations

import copy
import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlflow.claims import RUN_ID
from amlflow.core.environments.inlined import inline_requirements
from amlflow.core.project.tracking_uri import client_variables
from amlflow.core.runs.base import display_id
from amlflow.core.runs.starting import SNAPSHOT_PROPERTY, draft_run
from amlflow.core.scripts.command_line import check_packed
from amlflow.core.scripts.environment import definition_of, registered_version
from amlflow.core.scripts.environment_needs import with_packages
from amlflow.core.scripts.prepared_script import PreparedScript
from amlflow.core.scripts.run_configuration import defined_settings
from amlflow.core.scripts.script_data import CollectedData, definition_text
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.scripts.specify import with_choices
from amlflow.core.store import NAME_VARIABLES, ExperimentBase, store_of, tracker_of
from amlflow.environments.redaction import without_credentials
from amlflow.jobs import snapshot
from amlflow.jobs.finding import hash_of_base, proof_of
from amlflow.jobs.job import Job, JobFolder, this_host
from amlflow.jobs.run_notes import ENVIRONMENT, JOB_NOTE
from amlflow.spec import LAUNCHED, RunDraft, RunRecord, Tracker, redacted

TYPE = "azureml.scriptrun"
MAX_DEFINITION = 7000
"""The longest definition that a run keeps, in characters. Long parts of it are left out."""


def pack_source(
    script: PreparedScript, tracker: Tracker, snapshot_id: str | None, archive: Path
) -> str:
    """Write the script's source to an archive, and return the archive's digest.

    With ``snapshot_id``, the archive is read from this stored snapshot.

    Raises:
        SnapshotException: the source folder cannot be packed.
        UserErrorException: a rule of an ignore file leaves the script out.
    """
    if snapshot_id is not None:
        digest = snapshot.check_digest(snapshot_id)
        tracker.get_snapshot(digest, archive)
        return digest
    return snapshot.pack(
        Path(script.config.source_directory), check_source(script, tracker), archive
    )


def check_source(script: PreparedScript, tracker: Tracker) -> list[str]:
    """Return the files of the script's source, without the source folder.

    Raises what :func:`pack_source` raises.
    """
    files = snapshot.collect(Path(script.config.source_directory), snapshot.own_paths(tracker))
    if script.job.is_script:
        check_packed(script.job.command[0], files)
    return files


def environment_definition(script: PreparedScript) -> dict[str, Any]:
    """Return the definition of the script's environment, without secrets.

    The values of variables may be secrets, so they are left out.
    """
    named, folder = script.config.run_config.environment, script.config.source_directory
    environment = copy.copy(inline_requirements(with_packages(named, folder), folder))
    environment.python = with_choices(environment.python)
    definition, _ = without_credentials(definition_of(environment))
    # What the files and variables of this machine have added does not make it another version.
    return {**definition, "version": registered_version(named), "environmentVariables": {}}


def note_of(folder: JobFolder) -> dict[str, str]:
    """Return the run's note about the job's folder, which exists before the job is started."""
    note = {
        "name": folder.name,
        "host": this_host(),
        "proof": proof_of(folder),
        "base": hash_of_base(folder.path.parent),
    }
    return {JOB_NOTE: json.dumps(note)}


def draft_script_run(
    experiment: ExperimentBase,
    script: PreparedScript,
    digest: str,
    *,
    notes: Mapping[str, str],
    **values: Any,
) -> RunDraft:
    """Make a draft for the run of a script. ``digest`` is that of its source.

    ``values`` are further arguments of :func:`draft_run`.
    """
    config, job, collected = script.config, script.job, script.collected
    environment_note = job.environment_note
    return draft_run(
        experiment,
        type=TYPE,
        properties={
            SNAPSHOT_PROPERTY: digest,
            "_azureml.ComputeTargetType": job.target.kind,
        },
        system={
            "target": job.target.name,
            **({"script": job.command[0]} if job.is_script else {}),
            "definition": _definition(config, job, collected),
            **({} if collected is None else collected.notes),
            LAUNCHED: "yes",
            **({ENVIRONMENT: json.dumps(environment_note)} if environment_note else {}),
            **notes,
        },
        **values,
    )


def bind_job(job: Job, experiment: ExperimentBase, record: RunRecord, digest: str) -> Job:
    """Complete a job with the values of its run, which has been made."""
    return dataclasses.replace(
        job,
        run_id=record.id,
        environment={**job.environment, **_context(experiment, record)},
        snapshot=digest,
    )


def _context(experiment: ExperimentBase, record: RunRecord) -> dict[str, str]:
    """Return the variables with which a script finds its run: v1's and those of MLflow's client."""
    store, tracker = store_of(experiment), tracker_of(experiment)
    return {
        RUN_ID: display_id(record),
        **dict(zip(NAME_VARIABLES, store.names, strict=True)),
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
        "AZUREML_EXPERIMENT_ID": experiment.id,
        "AZUREML_SERVICE_ENDPOINT": redacted(store.uri),
        "MLFLOW_TRACKING_URI": tracker.uri,
        **client_variables(tracker.uri),
        "MLFLOW_EXPERIMENT_ID": record.experiment_id,
        "MLFLOW_RUN_ID": record.id,
        # The log shows a line when it is printed, and keeps it if the script is killed.
        "PYTHONUNBUFFERED": "1",
    }


def _definition(config: ScriptRunConfig, job: Job, collected: CollectedData | None) -> str:
    """Return v1's runDefinition as JSON.

    The values of environment variables may be secrets, so they are left out.
    """
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
