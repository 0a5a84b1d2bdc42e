"""The environment variable that carries a job to its cluster node.

The cluster passes the variable to the job's first node, where no other user can read it. It does
not contain the snapshot, which the node takes from the tracker.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from collections.abc import Mapping, MutableMapping

from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.job import Job
from amlflow.jobs.launch import importable
from amlflow.spec import ATTEMPT, ClusterWork

VARIABLE = "AMLFLOW_CLUSTER_JOB"
MODULE = "amlflow.jobs.agent"
MAX_ATTEMPT = 99_999
NODE_KIND = "local"
"""The kind of compute target that runs the script on its node."""


def to_work(job: Job) -> ClusterWork:
    """What the cluster is to run for a job: an agent."""
    return ClusterWork(
        name=job.name,
        python=job.agent_python,
        arguments=["-m", MODULE, "--cluster"],
        environment={VARIABLE: encode_job(job), **importable({}, job.import_path)},
        max_seconds=job.max_seconds,
        **_room_for(job),
        image=job.image,
    )


def _room_for(job: Job) -> dict[str, int]:
    """The nodes of a distributed job, and the processes on each."""
    distribution = job.distribution
    if distribution is None:
        return {}
    return {"nodes": distribution.nodes, "processes_per_node": distribution.per_node}


def encode_job(job: Job) -> str:
    """A job as the variable has it."""
    text = json.dumps(dataclasses.asdict(dataclasses.replace(job, environ={})))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def attempt_of(environ: Mapping[str, str]) -> int:
    """How often the cluster has started this job."""
    text = environ.get(ATTEMPT, "1")
    return min(int(text), MAX_ATTEMPT) if text.isascii() and text.isdigit() else 1


def take_job(environ: MutableMapping[str, str]) -> Job:
    """The job of this process, whose variable is removed: the script does not get it.

    Raises :class:`ComputeTargetException` if there is none.
    """
    content = environ.pop(VARIABLE, None)
    if content is None:
        raise ComputeTargetException(
            f"The variable {VARIABLE} is not set: a cluster's job is started by the cluster."
        )
    fields = json.loads(zlib.decompress(base64.b64decode(content)))
    return Job.from_content({**fields, "environ": dict(environ)})
