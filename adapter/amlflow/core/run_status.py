"""v1's table of run statuses: ``azureml._restclient.constants.RunStatus``."""

from __future__ import annotations

import builtins

from amlflow.spec import FINAL, Status


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
        """All statuses."""
        return [value for key, value in vars(cls).items() if key.isupper()]

    @classmethod
    def get_running_statuses(cls) -> builtins.list[str]:
        """The statuses of a run that waits or works."""
        ending = {*cls.get_post_processing_statuses(), *FINAL}
        return [status for status in cls.list() if status not in ending]

    @classmethod
    def get_post_processing_statuses(cls) -> builtins.list[str]:
        """The statuses between the work and the end."""
        return [cls.CANCEL_REQUESTED, cls.FINALIZING]
