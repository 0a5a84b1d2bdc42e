"""Commands that send unsent records of this machine, and end runs whose process has died."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from amlflow.cli.progress import counting
from amlflow.cli.runs import document
from amlflow.cli.scope import Where
from amlflow.client_address import tracker_behind
from amlflow.core.runs.base import record_of
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.jobs.agent.send_journal import DIED
from amlflow.jobs.finding import own_jobs
from amlflow.jobs.tending import tend_all
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.offline_runs import display_id
from amlflow.journal.recovery import (
    Recovered,
    count_left,
    failure,
    put_back,
    read_refused,
    recover,
    waiting,
)
from amlflow.journal.settings import journals_folder
from amlflow.layers.stack import open_direct
from amlflow.spec import FINAL, Tracker, Unavailable, redacted


def sync(*, status_: bool, close_dead: bool, refused_: bool, **where: Any) -> Any:
    """``sync``: sends records that processes have left. With ``--status``, lists them."""
    uri = tracker_behind(Where(**where).workspace().get_mlflow_tracking_uri())
    # An agent sends its script's records. If the agent is gone, they are in the job's folder.
    of_jobs = {job: tracker_folder(job.journal, uri) for job in own_jobs()}
    folders = [tracker_folder(journals_folder(), uri), *of_jobs.values()]
    if status_:
        return [record for folder in folders for record in waiting(folder)]
    if refused_:
        for folder in folders:
            put_back(folder, uri)
    close = failure(DIED) if close_dead else None
    result = Recovered()
    folders_to_send = [folders[0], *(of_jobs[job] for job in of_jobs if not job.has_agent())]
    total = sum(map(count_left, folders_to_send))

    def progress() -> str:
        if not total:
            return "Nothing waits to be sent."
        return f"{result.sent:,} of {total:,} record{'s' if total > 1 else ''} sent"

    problem: AzureMLException | None = None
    with counting(progress):
        for folder in folders_to_send:
            try:
                recover(folder, lambda: open_direct(uri), close=close, counts=result)
            except AzureMLException as error:  # the records of other folders can still be sent
                problem = problem or error
        tend_all(_open_existing)
    if problem is not None:
        raise problem
    return {
        "sent": result.sent,
        "refused": [record for folder in folders for record in read_refused(folder)],
        "not_responding": result.not_responding,
        "closed": result.closed,
        "waiting": [record for folder in folders for record in waiting(folder)],
    }


def _open_existing(uri: str) -> Tracker:
    """Open a job's tracker. If its database was removed, it is not made again."""
    scheme, _, path = uri.partition(":///")
    if scheme == "sqlite" and not Path(unquote(path)).exists():
        raise Unavailable(f"The database {redacted(uri)} does not exist.")
    return open_direct(uri)


def mark_failed(*, run_id: str, **where: Any) -> dict[str, Any]:
    """``run mark-failed``: ends a run whose process does not exist any more."""
    run = Where(**where).run(run_id)
    uri = tracker_behind(run.experiment.workspace.get_mlflow_tracking_uri())
    for folder in process_folders(tracker_folder(journals_folder(), uri)):
        if folder.is_alive() and {run.id, record_of(run).id} & set(
            map(display_id, folder.running())
        ):
            raise UserErrorException(
                f"The process of run {run.id} is still running on this machine, with the process "
                f"id {folder.about().get('pid')}. End it first."
            )
    status = run.get_status()
    if status in FINAL:
        # fail() would make a Completed run Failed, but a run that has ended did not die.
        raise UserErrorException(f"Run {run.id} is {status} already and cannot become Failed.")
    run.fail(DIED)
    return document(run)
