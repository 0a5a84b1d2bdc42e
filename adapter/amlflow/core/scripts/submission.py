"""Submits a script: makes its run, and starts the agent or hands the job to the cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from amlflow import file_lock
from amlflow.core.scripts.distribution import warn_of_one_machine
from amlflow.core.scripts.environment_needs import warn_of_image
from amlflow.core.scripts.prepared_script import (
    PreparedScript,
    check_for_cluster,
    prepare_script,
)
from amlflow.core.scripts.script_run import (
    bind_job,
    draft_script_run,
    environment_definition,
    note_of,
    pack_source,
)
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.store import ExperimentBase, tracker_of
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.jobs.finding import REMEDY, fault_of
from amlflow.jobs.job import JobFolder
from amlflow.jobs.launch import runs_here, script_variables
from amlflow.jobs.run_notes import EndRequest
from amlflow.jobs.starting import Start, StartHere, StartOnCluster
from amlflow.run_errors import to_error
from amlflow.spec import RunRecord, Status


def submit(
    config: ScriptRunConfig,
    experiment: ExperimentBase,
    tags: Mapping[str, Any] | None,
    parent: RunRecord | None,
    snapshot_id: str | None = None,
    **kwargs: Any,
) -> RunRecord:
    """Submit a script as :meth:`Experiment.submit` does, and return the record of its run.

    With ``snapshot_id``, the source comes from this stored snapshot instead of from
    ``source_directory``.

    Raises:
        UserErrorException: the script or the configuration cannot be run.
        Unsupported: the tracker exists only in this process.
        SnapshotException: the source folder cannot be packed.
        ComputeTargetException: the target is unknown, or does not work now.
    """
    if kwargs:
        raise UserErrorException(f"submit does not know {', '.join(map(repr, kwargs))}.")
    script = prepare_script(config, experiment, snapshot_id)
    if script.cluster is None:
        script = check_here(script)
    else:
        check_for_cluster(script, script.cluster)
    return submit_prepared(script, experiment, tags, parent, snapshot_id)


def check_here(script: PreparedScript) -> PreparedScript:
    """Check that this machine can run a script, and return it with what its job needs here.

    Raises:
        ComputeTargetException: it cannot.
    """
    job, compute, folder = script.job, script.compute, JobFolder(script.job.name)
    needs = [*job.needs, str(folder.journal), *([str(folder.data)] if job.data else [])]
    variables = script_variables(job, folder, runs_here(compute))
    job = dataclasses.replace(job, environment={**job.environment, **variables}, needs=needs)
    if job.dockerfile is None:  # otherwise its image is not built yet
        compute.check(job.work(folder))  # it also fetches the image
        warn_of_image(job, compute)
    warn_of_one_machine(job.distribution, job.target)
    return dataclasses.replace(script, job=job)


def submit_prepared(
    script: PreparedScript,
    experiment: ExperimentBase,
    tags: Mapping[str, Any] | None,
    parent: RunRecord | None,
    snapshot_id: str | None,
) -> RunRecord:
    """Submit a script that has been checked as far as its cluster is not asked."""
    folder = JobFolder(script.job.name)
    check_own(folder.path.parent)
    start: Start
    if script.cluster is None:
        start = StartHere(script.job)
    else:
        start = StartOnCluster(script.cluster, script.job)
    with ThreadPoolExecutor(2) as pool:
        # A cluster is asked first, since nothing else may be done before it has answered.
        checking = pool.submit(start.check) if start.asks else None
        with make_folder(folder, is_for_agent=script.cluster is None) as lock:
            return _launch(
                script, experiment, tags, parent, snapshot_id, folder, lock, start, pool, checking
            )


@contextlib.contextmanager
def make_folder(folder: JobFolder, *, is_for_agent: bool) -> Iterator[contextlib.ExitStack]:
    """Make a job's folder, and remove it again if the job fails to start.

    The agent of a cluster's job makes another folder on its node.

    Yields a stack that holds the folder's lock: the folder is locked until you close the stack. The
    lock tells other processes that a process is starting the job. If they find no lock, no process
    is starting it.
    """
    try:
        folder.make(has_parts=is_for_agent)
        check_own(folder.path.parent)
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


def check_own(jobs: Path) -> None:
    fault = fault_of(jobs)
    if fault is not None:
        raise UserErrorException(f"The jobs' folder {str(jobs)!r} is not used: {fault}. {REMEDY}")


def _launch(
    script: PreparedScript,
    experiment: ExperimentBase,
    tags: Mapping[str, Any] | None,
    parent: RunRecord | None,
    snapshot_id: str | None,
    folder: JobFolder,
    lock: contextlib.ExitStack,
    start: Start,
    pool: ThreadPoolExecutor,
    checking: Future[None] | None,
) -> RunRecord:
    tracker, job = tracker_of(experiment), script.job
    with contextlib.ExitStack() as preparing:
        digest = pack_source(script, tracker, snapshot_id, folder.snapshot)
        if job.environment_note is not None:
            folder.put(folder.definition, environment_definition(script))
        # The snapshot is stored while the target is checked, the queue is waited for and the run is
        # made: each of these may take long, and an upload must not hold the queue up.
        storing = pool.submit(snapshot.keep, tracker, digest, folder.snapshot)
        preparing.callback(wait, [storing])  # it reads a folder that is removed after a failure
        status = preparing.enter_context(start.prepare())
        draft = draft_script_run(
            experiment,
            script,
            digest,
            parent=parent,
            tags=tags,
            status=status,
            notes={**start.notes, **note_of(folder)},
        )
        if checking is not None:
            checking.result()
        [record] = tracker.create_runs([draft])
        try:
            storing.result()
            if script.collected is not None and script.collected.shown:
                tracker.show_inputs(record.id, script.collected.shown)
            job = bind_job(job, experiment, record, digest)
            folder.write(job)
            start.start(tracker, job, folder, lock)
        except BaseException as failure:
            tracker.update_run(record.id, not_started(failure).change())
            raise
    return record


def not_started(failure: BaseException) -> EndRequest:
    """Return the end of a run that could not be started."""
    text = failure.message if isinstance(failure, AzureMLException) else str(failure)
    reason = text or type(failure).__name__  # such as KeyboardInterrupt
    return EndRequest(Status.FAILED, to_error(f"The run could not be started: {reason}"))
