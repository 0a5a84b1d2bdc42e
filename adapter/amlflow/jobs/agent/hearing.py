"""How an agent hears what others have noted in its run."""

from __future__ import annotations

from amlflow.claims import latest_attempt
from amlflow.jobs.run_notes import is_started_again, make_heartbeat, requested_end_of, start_again
from amlflow.spec import RunChange, RunKeeper, RunRecord, Status


class Superseded(Exception):
    """A later attempt of the job has claimed the run, so this one must not report any more."""


def check_is_latest(record: RunRecord, attempt: int) -> None:
    """Raise :class:`Superseded` if a later attempt has claimed the run."""
    if latest_attempt(record.properties) > attempt:
        raise Superseded


def hear(keeper: RunKeeper, run_id: str, attempt: int, status: str) -> RunRecord:
    """Read the run of an agent, and correct what a look has noted while the agent was not heard of.

    ``status`` is the run's status by what the agent knows. Raises :class:`Superseded` and the
    tracker's exceptions.
    """
    record = keeper.get_run(run_id)
    check_is_latest(record, attempt)
    own = RunChange(status=status, system=make_heartbeat())
    if is_started_again(record, attempt):
        # A look has ended the run when the cluster had ended the attempt before.
        keeper.update_run(run_id, start_again())
        keeper.update_run(run_id, own)
        return keeper.get_run(run_id)
    if record.status == Status.NOT_RESPONDING and requested_end_of(record) is None:
        keeper.update_run(run_id, own)
    return record
