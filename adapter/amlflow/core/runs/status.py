"""v1's table of run statuses: ``azureml._restclient.constants.RunStatus``."""

from __future__ import annotations

import builtins

from amlflow.spec import FINAL, Status

_IN_ORDER = (
    Status.QUEUED,
    Status.PREPARING,
    Status.PROVISIONING,
    Status.STARTING,
    Status.RUNNING,
    Status.CANCEL_REQUESTED,
    Status.CANCELED,
    Status.FINALIZING,
    Status.COMPLETED,
    Status.FAILED,
    Status.NOT_STARTED,
    Status.UNAPPROVED,
    Status.NOT_RESPONDING,
    Status.PAUSING,
    Status.PAUSED,
)
"""All statuses in v1's order."""


class RunStatus:
    """The statuses by v1's names."""

    QUEUED = Status.QUEUED
    NOT_STARTED = Status.NOT_STARTED
    PREPARING = Status.PREPARING
    PROVISIONING = Status.PROVISIONING
    STARTING = Status.STARTING
    RUNNING = Status.RUNNING
    CANCEL_REQUESTED = Status.CANCEL_REQUESTED
    CANCELED = Status.CANCELED
    FINALIZING = Status.FINALIZING
    COMPLETED = Status.COMPLETED
    FAILED = Status.FAILED
    UNAPPROVED = Status.UNAPPROVED
    NOTRESPONDING = Status.NOT_RESPONDING
    PAUSING = Status.PAUSING
    PAUSED = Status.PAUSED

    @classmethod
    def list(cls) -> builtins.list[str]:
        """Return all statuses."""
        return [*_IN_ORDER]

    @classmethod
    def get_running_statuses(cls) -> builtins.list[str]:
        """Return the statuses of a run that waits or runs."""
        ending = {*cls.get_post_processing_statuses(), *FINAL}
        running = [status for status in cls.list() if status not in ending]
        return [cls.NOT_STARTED, *(status for status in running if status != cls.NOT_STARTED)]

    @classmethod
    def get_post_processing_statuses(cls) -> builtins.list[str]:
        """Return the statuses between the end of the script and the end of the run."""
        return [cls.CANCEL_REQUESTED, cls.FINALIZING]
