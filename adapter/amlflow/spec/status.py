"""The statuses of a run."""

from __future__ import annotations


class Status:
    """The statuses of v1's runs. See :func:`transition` for what follows what."""

    NOT_STARTED = "NotStarted"
    QUEUED = "Queued"
    PREPARING = "Preparing"
    PROVISIONING = "Provisioning"
    STARTING = "Starting"
    RUNNING = "Running"
    CANCEL_REQUESTED = "CancelRequested"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    NOT_RESPONDING = "NotResponding"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    UNAPPROVED = "Unapproved"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})
"""The statuses that end a run; see :func:`transition`."""


UNSTARTED = frozenset(
    {
        Status.NOT_STARTED,
        Status.QUEUED,
        Status.PROVISIONING,
        Status.PREPARING,
        Status.STARTING,
        Status.UNAPPROVED,
    }
)
"""The statuses of a run that has not begun; see :func:`transition`."""


LAUNCHED = "launched"
"""A key of ``system``.

While it is "yes", amlflow decides the status: an end that another client of the tracker sets counts
only if it is Canceled, because a script's own calls to the tracker's client also end runs. It
becomes "ended" together with the final status.
"""


# The one change between final statuses that amlflow makes itself: the errors turned out later.
COMPLETED_WITH_ERRORS = (Status.COMPLETED, Status.FAILED)
