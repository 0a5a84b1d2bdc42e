"""Commands on what waits on this machine for the tracker, and on runs whose process has died."""

from __future__ import annotations

from typing import Any

from amlflow.cli.runs import document
from amlflow.cli.where import Where
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import failure, recover, refused, waiting
from amlflow.journal.settings import journals_folder
from amlflow.layers.opened import open_direct

DIED = "The process that logged to the run has died, and was not there to end it."


def sync(*, status_: bool, close_dead: bool, **where: Any) -> Any:
    """``sync``: sends what processes have left, or with ``--status`` lists what waits."""
    uri = Where(**where).workspace().get_mlflow_tracking_uri()
    place = tracker_folder(journals_folder(), uri)
    if status_:
        return list(waiting(place))
    close = failure(DIED) if close_dead else None
    done = recover(place, lambda: open_direct(uri), close=close)
    return {
        "sent": done.sent,
        "refused": list(refused(place)),
        "not_responding": done.not_responding,
        "closed": done.closed,
        "waiting": list(waiting(place)),
    }


def mark_failed(*, run_id: str, **where: Any) -> dict[str, Any]:
    """``run mark-failed``: ends a run whose process is not there any more."""
    run = Where(**where).run(run_id)
    run.fail(DIED)
    return document(run)
