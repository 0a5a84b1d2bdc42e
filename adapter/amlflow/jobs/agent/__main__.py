"""``python -m amlflow.jobs.agent <job folder>``: runs one job. Started by launch.py."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Leave the process that started this, then run the job of the folder."""
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    # After the fork, so that the process that waits for it goes on at once.
    from amlflow.jobs.agent.supervise import supervise

    supervise(sys.argv[1])


if __name__ == "__main__":
    main()
