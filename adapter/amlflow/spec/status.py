"""The statuses of a run."""

from __future__ import annotations


class Status:
    """v1's run statuses. See :data:`FINAL`."""

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
"""The statuses that end a run. Only Running, which starts it again, or another of them replaces
one; any other that comes late is passed over."""


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
"""The statuses of a run that has not begun, and so has no start time."""


LAUNCHED = "launched"
"""A key of ``system``. While it is "yes", the status is amlflow's to say: an end that another
client of the tracker sets counts only if it is Canceled, since a script's own calls to the
tracker's client end runs, too. It becomes "ended" together with the final status."""


# The one change between final statuses that amlflow makes itself: the errors turned out later.
COMPLETED_WITH_ERRORS = (Status.COMPLETED, Status.FAILED)
