"""Runs one job, in a process of its own.

``python -m amlflow.jobs.agent <job folder>`` runs a job of this machine; launch.py starts it.
``python -m amlflow.jobs.agent --cluster`` runs the job of a cluster, whose node starts it.
``python -m amlflow.jobs.agent --process`` runs one process of a distributed job on its node.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the job: in this process on a cluster, and else after leaving the one that waits."""
    if sys.argv[1] == "--cluster":
        from amlflow.jobs.agent.on_cluster import run_cluster_job

        run_cluster_job()
        return
    if sys.argv[1] == "--process":
        from amlflow.jobs.agent.on_node import run_process

        run_process()
        return
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    # After the fork, so that the process that waits for it goes on at once.
    from amlflow.jobs.agent.supervise import supervise

    supervise(sys.argv[1])


if __name__ == "__main__":
    main()
