"""Submits a list of scripts. A cluster gets all of its scripts in one call."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from amlflow.core.arguments import to_texts
from amlflow.core.scripts.prepared_script import PreparedScript, check_on_cluster, prepare_script
from amlflow.core.scripts.script_run import (
    bind_job,
    check_source,
    draft_script_run,
    environment_definition,
    note_of,
    pack_source,
)
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.scripts.submission import (
    check_here,
    check_own,
    make_folder,
    not_started,
    submit_prepared,
)
from amlflow.core.store import ExperimentBase, tracker_of
from amlflow.exceptions import UserErrorException
from amlflow.jobs import snapshot
from amlflow.jobs.cluster.identity import cluster_notes
from amlflow.jobs.cluster.many import start_many
from amlflow.jobs.job import DEFINITION_FILE, Job, JobFolder, Target, new_name
from amlflow.layers.layer import Layer
from amlflow.spec import Cluster, RunDraft, RunRecord, Status

Item = TypeVar("Item")

THREADS = 8
"""The number of calls to the tracker at the same time, for calls that are made for each run."""
LONG = 64 << 10
"""How many characters the values of a script may have before its cluster is asked about this very
script. A cluster may have a limit, such as the 128 KB of Linux for a variable."""


def submit_many(
    configs: Sequence[ScriptRunConfig],
    experiment: ExperimentBase,
    tags: Any,
    parent: RunRecord | None,
    snapshot_id: str | None = None,
) -> list[RunRecord]:
    """Submit scripts, and return the records of their runs in the order of the configurations.

    If one of the configurations is wrong, or its target cannot run it, no run is made. All scripts
    for one cluster are handed to it together: it takes all of them or none. Other scripts are
    submitted one by one. ``tags`` is a dict for all runs, or a list with a dict for each run.

    Raises:
        UserErrorException: the list of tags does not have one entry for each configuration; or a
            reason of :func:`submit`, whose other errors are raised, too.
    """
    tags = _tags_of_each(tags, len(configs))
    scripts = _check([prepare_script(config, experiment, snapshot_id) for config in configs])
    targets = _by_target(scripts)
    # All sources for one cluster are stored before the first of its runs is made.
    if snapshot_id is None and (len(targets) > 1 or any(each.cluster is None for each in scripts)):
        _check_sources(scripts, tracker_of(experiment))
    records: dict[int, RunRecord] = {}
    for numbers in targets:
        cluster = scripts[numbers[0]].cluster
        if cluster is None:
            for number in numbers:
                records[number] = submit_prepared(
                    scripts[number], experiment, tags[number], parent, snapshot_id
                )
        else:
            group = [scripts[number] for number in numbers]
            own_tags = [tags[number] for number in numbers]
            together = _submit_to(cluster, group, experiment, own_tags, parent, snapshot_id)
            records.update(zip(numbers, together, strict=True))
    return [records[number] for number in range(len(configs))]


def _tags_of_each(tags: Any, count: int) -> list[Mapping[str, Any] | None]:
    if not isinstance(tags, (list, tuple)):
        to_texts(tags or {}, "tags")
        return [tags] * count
    if len(tags) != count:
        raise UserErrorException(
            f"The list of tags has {len(tags)} entries, and {count} configurations are submitted. "
            "Give one dict for each, or one for all."
        )
    for own_tags in tags:
        to_texts(own_tags or {}, "tags")
    return list(tags)


def _by_target(scripts: Sequence[PreparedScript]) -> list[list[int]]:
    """Return the numbers of the scripts, in groups that have the same target."""
    groups: list[tuple[Target, list[int]]] = []
    for number, script in enumerate(scripts):
        for target, numbers in groups:
            if target == script.job.target:
                numbers.append(number)
                break
        else:
            groups.append((script.job.target, [number]))
    return [numbers for _, numbers in groups]


def _check(scripts: Sequence[PreparedScript]) -> list[PreparedScript]:
    """Check that the targets of scripts can run them, and return the scripts as checked.

    A cluster is asked once for all scripts with the same demands, and for each script whose values
    may be too long for it.
    """
    checked: list[object] = []
    for script in scripts:
        job = script.job
        demands = job.target, job.distribution, job.max_seconds, job.image
        if script.cluster is not None and (demands not in checked or _length_of(job) > LONG):
            check_on_cluster(script, script.cluster)
            checked.append(demands)
    return [check_here(script) if script.cluster is None else script for script in scripts]


def _length_of(job: Job) -> int:
    """Return how many characters the values have that are a script's own."""
    words = itertools.chain(job.command, job.environment, job.environment.values())
    return sum(map(len, words)) + (0 if job.data is None else len(str(job.data)))


def _check_sources(scripts: Sequence[PreparedScript], tracker: Layer) -> None:
    """Check the source of each script, once for all scripts that have the same one."""
    for script in {_source_of(script): script for script in scripts}.values():
        check_source(script, tracker)


def _source_of(script: PreparedScript) -> tuple[str, str | None]:
    job = script.job
    return str(script.config.source_directory), job.command[0] if job.is_script else None


def _submit_to(
    cluster: Cluster,
    scripts: Sequence[PreparedScript],
    experiment: ExperimentBase,
    tags: Sequence[Mapping[str, Any] | None],
    parent: RunRecord | None,
    snapshot_id: str | None,
) -> list[RunRecord]:
    """Submit scripts to one cluster. They share one folder until the cluster has them."""
    folder = JobFolder(new_name())
    check_own(folder.path.parent)
    tracker = tracker_of(experiment)
    with make_folder(folder, is_for_agent=False) as lock:
        digests = _store_sources(tracker, scripts, folder, snapshot_id)
        first = scripts[0].job
        of_cluster = cluster_notes(cluster, first.target.kind, first.tracking_uri)
        notes = {**of_cluster, **note_of(folder)}
        now = datetime.now(timezone.utc)

        def draft(number: int) -> RunDraft:
            return draft_script_run(
                experiment,
                scripts[number],
                digests[number],
                parent=parent,
                tags=tags[number],
                status=Status.QUEUED,
                notes=notes,
                # The order of creation is that of the list.
                created=now + timedelta(milliseconds=number),
            )

        records = tracker.create_runs([draft(number) for number in range(len(scripts))])
        jobs = [
            dataclasses.replace(bind_job(script.job, experiment, record, digest), name=folder.name)
            for script, record, digest in zip(scripts, records, digests, strict=True)
        ]
        try:
            _describe_inputs(tracker, scripts, records, folder)
            start_many(cluster, jobs, folder, lock)
        except BaseException as failure:
            end = not_started(failure)
            _call_for_each(lambda record: tracker.update_run(record.id, end.change()), records)
            raise
    return records


def _store_sources(
    tracker: Layer,
    scripts: Sequence[PreparedScript],
    folder: JobFolder,
    snapshot_id: str | None,
) -> list[str]:
    """Store the source of each script, and return the digests in the order of the scripts.

    If several scripts have the same source folder, it is stored once.
    """
    digests: dict[tuple[str, str | None], str] = {}

    def store(script: PreparedScript) -> str:
        key = _source_of(script)
        if key not in digests:
            digests[key] = pack_source(script, tracker, snapshot_id, folder.snapshot)
            snapshot.keep(tracker, digests[key], folder.snapshot)
        return digests[key]

    return [store(script) for script in scripts]


def _describe_inputs(
    tracker: Layer,
    scripts: Sequence[PreparedScript],
    records: Sequence[RunRecord],
    folder: JobFolder,
) -> None:
    """Store the definitions of the scripts' environments, and show the scripts' input data."""

    def describe(number: int) -> None:
        script, record = scripts[number], records[number]
        if script.collected is not None and script.collected.shown:
            tracker.show_inputs(record.id, script.collected.shown)
        if script.job.environment_note is not None:
            path = folder.path / f"environment-{number}.json"
            folder.put(path, environment_definition(script))
            tracker.put_files(record.id, {DEFINITION_FILE: path}, replace=True)

    _call_for_each(describe, range(len(scripts)))


def _call_for_each(call: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Call a function for each item, for several at the same time. Raises the first error."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(call, items):
            pass
