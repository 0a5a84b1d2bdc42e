"""The environment variables that carry a job to its cluster node.

The cluster passes the variables to the job's first node, where no other user can read them. They do
not contain the snapshot, which the node takes from the tracker.

If jobs are submitted together, one variable has the values that they share, and another variable
has the values of one job. So the cluster can run them as an array, and stores the first variable
only once.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.distribution import Join
from amlflow.jobs.job import Job
from amlflow.jobs.launch import importable
from amlflow.plugins import node_variables
from amlflow.spec import ATTEMPT, ClusterWork

VARIABLE = "AMLFLOW_CLUSTER_JOB"
OWN_VARIABLE = "AMLFLOW_CLUSTER_RUN"
"""The variable with the values of one job, if others were submitted together with it."""
ENVIRONMENT = "environment"
"""The field of a job with its script's variables. Jobs may share only some of them."""
MODULE = "amlflow.jobs.agent"
MAX_ATTEMPT = 99_999
NODE_KIND = "local"
"""The kind of compute target that runs the script on its node."""


def to_work(job: Job) -> ClusterWork:
    """Return what the cluster must run for a job: an agent."""
    return _to_work(job, {**node_variables(job.tracking_uri), VARIABLE: encode_job(job)})


def to_works(jobs: Sequence[Job]) -> list[ClusterWork]:
    """Return what the cluster must run for each of several jobs that are submitted together."""
    if len(jobs) == 1:
        return [to_work(jobs[0])]
    contents = [_content_of(job) for job in jobs]
    common = _common(contents)
    common[ENVIRONMENT] = _common([content[ENVIRONMENT] for content in contents])
    shared = {**node_variables(jobs[0].tracking_uri), VARIABLE: _encode(common)}
    return [
        _to_work(job, {**shared, OWN_VARIABLE: _encode(_own(content, common))})
        for job, content in zip(jobs, contents, strict=True)
    ]


def _common(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = contents
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _own(content: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in content.items() if key not in common}
    variables, shared = content[ENVIRONMENT], common[ENVIRONMENT]
    return {**own, ENVIRONMENT: {key: variables[key] for key in variables if key not in shared}}


def _to_work(job: Job, variables: Mapping[str, str]) -> ClusterWork:
    path = {name: job.environ[name] for name in ("PYTHONPATH",) if name in job.environ}
    return ClusterWork(
        name=job.name,
        python=job.agent_python,
        arguments=["-m", MODULE, "--cluster"],
        environment={**variables, **importable(path, job.import_path)},
        max_seconds=job.max_seconds,
        **_room_for(job),
        image=job.image,
    )


def _room_for(job: Job) -> dict[str, Any]:
    """Return what a distributed job needs: nodes, processes on each, and what connects them."""
    distribution = job.distribution
    if distribution is None:
        return {}
    return {
        "nodes": distribution.nodes,
        "processes_per_node": distribution.per_node,
        "distribution": Join(distribution.join).value,
    }


def encode_job(job: Job) -> str:
    """Encode a job for the variable."""
    return _encode(_content_of(job))


def _content_of(job: Job) -> dict[str, Any]:
    return dataclasses.replace(job, environ={}).to_content()


def _encode(content: Mapping[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(content).encode())).decode()


def _decode(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return content


def attempt_of(environ: Mapping[str, str]) -> int:
    """Return how often the cluster has started this job: 1 for the first time."""
    text = environ.get(ATTEMPT, "1")
    return min(int(text), MAX_ATTEMPT) if text.isascii() and text.isdigit() else 1


def take_job(environ: MutableMapping[str, str]) -> Job:
    """Decode the job of this process, and remove its variables, so that the script lacks them.

    Raises :class:`ComputeTargetException` if the variable is not set.
    """
    content = environ.pop(VARIABLE, None)
    if content is None:
        raise ComputeTargetException(
            f"The environment variable {VARIABLE} is not set. Only a cluster can start its jobs: "
            "do not run this program yourself."
        )
    fields, own_content = _decode(content), environ.pop(OWN_VARIABLE, None)
    if own_content is not None:
        own = _decode(own_content)
        variables = {**fields[ENVIRONMENT], **own[ENVIRONMENT]}
        fields = {**fields, **own, ENVIRONMENT: variables}
    return Job.from_content({**fields, "environ": dict(environ)})
