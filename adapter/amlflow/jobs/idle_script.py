"""Gives up a script's place in the queue while the script waits for another run.

Otherwise scripts that wait for the runs that they submit could fill the queue, and wait for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from amlflow import file_lock
from amlflow.jobs.finding import NAME, fault_of
from amlflow.jobs.job import JobFolder
from amlflow.jobs.queue import Queue
from amlflow.spec import JOB


@contextmanager
def give_up_place() -> Iterator[None]:
    """Start the next job of the queue while this process, which is a script's, waits.

    When the block ends, the script counts again, also if more jobs than allowed run then. Nothing
    happens if this process is not the script of a job in a queue of this machine.
    """
    folder = _own_job()
    lock = folder.take_idle() if folder is not None else None
    if folder is None or lock is None:
        yield
        return
    try:
        Queue(folder.read().target, folder.path.parent).advance()
        yield
    finally:
        file_lock.release(lock)


def _own_job() -> JobFolder | None:
    name = os.environ.get(JOB, "")
    if not NAME.fullmatch(name):
        return None
    folder = JobFolder(name)
    is_here = fault_of(folder.path) is None and folder.job.is_file() and folder.has_agent()
    return folder if is_here else None
