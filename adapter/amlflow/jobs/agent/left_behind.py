"""Sends what earlier attempts of a cluster's job have logged and left on this node.

A cluster may kill an attempt together with its agent, or end it while the tracker is away. Then the
values that its script logged last are only in a journal in the attempt's folder on the node. The
next attempt sends them if it runs on the same node, or if the nodes share the folder.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator

from amlflow.exceptions import AzureMLException
from amlflow.jobs.agent.send_journal import DIED
from amlflow.jobs.job import NODE_PREFIX, Job, JobFolder
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import failure, recover
from amlflow.layers.stack import open_direct

logger = logging.getLogger("amlflow.agent")


def send_left_behind(job: Job, folder: JobFolder) -> None:
    """Send the journals of the job's earlier attempts. ``folder`` is the folder of this attempt.

    What cannot be sent stays there, and so does the journal of a process that still lives.
    """
    for earlier in _earlier_folders(folder):
        try:
            counts = recover(
                tracker_folder(earlier.journal, job.tracking_uri),
                lambda: open_direct(job.tracking_uri),
                close=failure(DIED),
            )
        except (AzureMLException, OSError) as error:  # such as a disk that fails
            reason = error.message if isinstance(error, AzureMLException) else error
            logger.warning("What is left in %s was not sent: %s", earlier.path, reason)
        else:
            logger.info("%s records of an earlier attempt were sent.", counts.sent)


def _earlier_folders(folder: JobFolder) -> Iterator[JobFolder]:
    """Yield the job's folders of other attempts beside that of this one.

    The parent may be a folder for all users, such as /tmp. So only folders count that this user has
    made for this user alone.
    """
    own = folder.path.parent
    for base in sorted(own.parent.glob(f"{NODE_PREFIX}*")):
        try:
            status = os.lstat(base)
        except OSError:  # it was removed in the meantime
            continue
        is_private = status.st_uid == os.getuid() and not status.st_mode & 0o077
        if base != own and stat.S_ISDIR(status.st_mode) and is_private:
            earlier = JobFolder(folder.name, base)
            if earlier.journal.is_dir():
                yield earlier
