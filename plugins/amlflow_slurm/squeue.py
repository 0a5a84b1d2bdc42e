"""Reads the states of the user's jobs, with one call of squeue for all, as rarely as possible."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from amlflow.spec import ClusterJob, JobState

from amlflow_slurm.arrays import NAME, ElementNames
from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import keep_answer, read_answer
from amlflow_slurm.site import user_name

_COLUMNS = {
    "Name": 128,
    "JobArrayID": 32,
    "State": 24,
    "Reason": 64,
    "RestartCnt": 12,
    "PriorityLong": 24,
}
"""The columns of squeue that have a fixed width, and the widths."""
_LAST_COLUMNS = "exit_code:12|,NodeList:256"
"""The columns after them. A long list of nodes is not cut off, and an exit code that Slurm does not
know yet may take no space at all: so a character marks its end."""
_EXIT_CODE = re.compile(r"(\d{1,12})(?::(\d{1,12}))?")
"""The status of a process as a number; since 23.02 its exit code and the signal that ended it."""
_STATES = {
    "PENDING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.QUEUED,
    "SPECIAL_EXIT": JobState.QUEUED,
    "RESV_DEL_HOLD": JobState.QUEUED,
    "EXPEDITING": JobState.QUEUED,
    "SUSPENDED": JobState.SUSPENDED,
    "STOPPED": JobState.SUSPENDED,
    "RUNNING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STAGE_OUT": JobState.ENDING,
    "CONFIGURING": JobState.PREPARING,
    "COMPLETING": JobState.ENDING,
    "COMPLETED": JobState.COMPLETED,
    "CANCELLED": JobState.CANCELED,
    "TIMEOUT": JobState.CANCELED,
    "DEADLINE": JobState.CANCELED,
    "PREEMPTED": JobState.CANCELED,
    "REVOKED": JobState.CANCELED,
    "FAILED": JobState.FAILED,
    "BOOT_FAIL": JobState.FAILED,
    "NODE_FAIL": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
}
_ENDS = {
    "TIMEOUT": "Its time limit in Slurm was over.",
    "DEADLINE": "Its deadline in Slurm was over.",
    "PREEMPTED": "A job of a higher priority took its place, and it was not put back.",
    "CANCELLED": "Its Slurm job was cancelled by somebody else, as scancel does.",
    "NODE_FAIL": "A node of its Slurm job failed.",
    "BOOT_FAIL": "A node of its Slurm job did not boot.",
    "OUT_OF_MEMORY": "Its Slurm job used more memory than it had asked for.",
}


def ask(*, now: bool) -> tuple[dict[str, ClusterJob], bool]:
    """Return the user's jobs by name, and whether this call has asked Slurm.

    It asks if the last answer is too old, or with ``now``.
    """
    answer, is_fresh = keep_answer("jobs", _ask_slurm, now=now)
    return _to_jobs(answer), is_fresh


def known_jobs() -> dict[str, ClusterJob]:
    """Return the user's jobs by name from the last answer. None of them if it is too old."""
    answer = read_answer("jobs")
    return {} if answer is None else _to_jobs(answer)


def _to_jobs(answer: dict[str, Any]) -> dict[str, ClusterJob]:
    if not _last or _last[0] is not answer:  # parse an answer once, also for a look at 1,000 runs
        _last[:] = answer, jobs_of(answer["rows"])
    return dict(_last[1])


_last: list[Any] = []
"""The last answer, and the jobs in it."""


def _ask_slurm() -> dict[str, Any]:
    columns = ",".join([*(f"{name}:{width}" for name, width in _COLUMNS.items()), _LAST_COLUMNS])
    options = ["--noheader", "--array", "--states=all", "--user", user_name()]
    rows = rows_of(run_command(["squeue", *options, "-O", columns]))
    names = ElementNames()
    for row in rows:
        # Slurm gives the name of the array. Replace it by that of the element.
        row["Name"] = names.name_of(row["Name"], row["JobArrayID"]) or row["Name"]
    return {"rows": rows}


def rows_of(text: str) -> list[dict[str, str]]:
    """Parse the output of squeue. A row is left out if its name has not the form of a work's."""
    rows = []
    for line in text.splitlines():
        row, begin = {}, 0
        for name, width in _COLUMNS.items():
            row[name] = line[begin : begin + width].strip()
            begin += width
        code, _, nodes = line[begin:].partition("|")
        row.update(exit_code=code.strip(), NodeList=nodes.strip())
        if NAME.fullmatch(row["Name"]):
            rows.append(row)
    return rows


def jobs_of(rows: list[dict[str, str]]) -> dict[str, ClusterJob]:
    """Return the jobs of an answer by name. Of two with one name, take the one that is not over."""
    waiting = sorted(_place_of(row) for row in rows if _STATES.get(row["State"]) is JobState.QUEUED)
    jobs: dict[str, ClusterJob] = {}
    for row in rows:
        job = _job_of(row, waiting)
        if row["Name"] not in jobs or job.state not in _OVER:
            jobs[row["Name"]] = job
    return jobs


_OVER = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELED)


def _place_of(row: Mapping[str, str]) -> tuple[int, int, int]:
    """Return a key that sorts waiting jobs: by priority, highest first, and then by id."""
    array, _, number = row["JobArrayID"].partition("_")
    return -_to_number(row["PriorityLong"]), _to_number(array), _to_number(number)


def _job_of(row: Mapping[str, str], waiting: Sequence[tuple[int, int, int]]) -> ClusterJob:
    state = _STATES.get(row["State"], JobState.RUNNING)
    before = bisect_left(waiting, _place_of(row)) if state is JobState.QUEUED else None
    reason = _ENDS.get(row["State"])
    if state is JobState.ENDING and row["Reason"] == "TimeLimit":
        reason = _ENDS["TIMEOUT"]
    elif state is JobState.QUEUED and row["Reason"] not in ("", "None"):
        reason = row["Reason"]
    return ClusterJob(
        state=state,
        id=row["JobArrayID"] or None,
        reason=reason,
        before=before,
        nodes=row["NodeList"] or None,
        attempt=_to_number(row["RestartCnt"]) + 1,
        exit_code=_to_exit_code(row["exit_code"]) if state in _OVER else None,
    )


def _to_exit_code(text: str) -> int | None:
    """Return a command's exit code, or the number of the signal that has ended it."""
    numbers = _EXIT_CODE.fullmatch(text)
    if numbers is None:
        return None
    first, second = int(numbers[1]), numbers[2]
    return (first >> 8 or first & 127) if second is None else (first or int(second))


def _to_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
