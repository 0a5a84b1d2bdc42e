"""The agent's program, which runs one job.

``python -m amlflow.jobs.agent <job folder>`` runs a job on this machine. launch.py starts it.
``python -m amlflow.jobs.agent --cluster`` runs a cluster's job. The cluster starts it on a node.
``python -m amlflow.jobs.agent --process`` runs one process of a distributed job on its node.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys

COLLECT_AFTER = 20_000
"""How many new objects begin a garbage collection. Python's 700 would begin hundreds during the
imports, which free nothing and take a tenth of the time until the script starts."""


def main() -> None:
    """Run the job. On a cluster, this process runs it. Elsewhere, a fork of this process does."""
    gc.set_threshold(COLLECT_AFTER)
    # Otherwise Python searches all objects for cycles when it ends, for as long as a cancel takes.
    atexit.register(gc.freeze)
    if sys.argv[1] == "--cluster":
        # Imported here, so that each kind of process loads only its own code.
        from amlflow.jobs.agent.on_cluster import run_cluster_job

        sys.exit(run_cluster_job())
    if sys.argv[1] == "--process":
        # Imported here, for the same reason.
        from amlflow.jobs.agent.on_node import run_process

        run_process()
        return
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    # Imported after the fork, so that the process that waits for the parent goes on at once.
    from amlflow.jobs.agent.supervise import supervise

    supervise(sys.argv[1])


if __name__ == "__main__":
    main()
