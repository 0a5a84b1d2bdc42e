"""What a job of a cluster gets by its environment: one variable with the whole job.

The variable reaches the job's first node by the cluster's own way, which nobody else can read. The
snapshot is not in it; the node takes that from the tracker.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from collections.abc import MutableMapping

from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.job import Job, Target
from amlflow.jobs.launch import importable
from amlflow.spec import ClusterWork

VARIABLE = "AMLFLOW_CLUSTER_JOB"
MODULE = "amlflow.jobs.agent"
NODE_KIND = "local"
"""The kind of compute target that runs the script on its node."""


def to_work(job: Job) -> ClusterWork:
    """What the cluster is to run for a job: an agent."""
    text = json.dumps(dataclasses.asdict(dataclasses.replace(job, environ={})))
    content = base64.b64encode(zlib.compress(text.encode())).decode()
    return ClusterWork(
        name=job.name,
        python=job.agent_python,
        arguments=["-m", MODULE, "--cluster"],
        environment={VARIABLE: content, **importable({}, job.import_path)},
        max_seconds=job.max_seconds,
        image=job.image,
    )


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
    return Job(**{**fields, "target": Target(**fields["target"]), "environ": dict(environ)})
