"""Slurm's states of the user's jobs: one call of squeue for all of them, as rarely as possible."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from typing import Any

from amlflow.spec import ClusterJob, JobState

from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import keep_answer

_COLUMNS = {
    "Name": 128,
    "JobArrayID": 32,
    "State": 24,
    "Reason": 64,
    "RestartCnt": 12,
    "exit_code": 12,
    "NodeList": 256,
    "PriorityLong": 24,
}
NAME = re.compile(r"[0-9A-Za-z]{1,64}")
"""The form of a work's name."""
_STATES = {
    "PENDING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.QUEUED,
    "SPECIAL_EXIT": JobState.QUEUED,
    "RESV_DEL_HOLD": JobState.QUEUED,
    "SUSPENDED": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
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
    "LAUNCH_FAILED": JobState.FAILED,
    "NODE_FAIL": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "RECONFIG_FAIL": JobState.FAILED,
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
    """The user's jobs by name, and whether Slurm was asked by this very call.

    Slurm is asked if the last answer is too old, or if it is to be asked ``now``.
    """
    answer, is_fresh = keep_answer("jobs", _ask_slurm, now=now)
    return jobs_of(answer["rows"]), is_fresh


def _ask_slurm() -> dict[str, Any]:
    columns = ",".join(f"{name}:{width}" for name, width in _COLUMNS.items())
    text = run_command(
        ["squeue", "--noheader", "--states=all", "--user", getpass.getuser(), "-O", columns]
    )
    return {"rows": rows_of(text)}


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of an answer of squeue, in columns of fixed widths."""
    rows = []
    for line in text.splitlines():
        row, begin = {}, 0
        for name, width in _COLUMNS.items():
            row[name] = line[begin : begin + width].strip()
            begin += width
        if NAME.fullmatch(row["Name"]):
            rows.append(row)
    return rows


def jobs_of(rows: list[dict[str, str]]) -> dict[str, ClusterJob]:
    """The jobs of an answer, by name. Of two with one name, the one that goes on counts."""
    waiting = [row for row in rows if _STATES.get(row["State"]) is JobState.QUEUED]
    jobs: dict[str, ClusterJob] = {}
    for row in rows:
        job = _job_of(row, waiting)
        if row["Name"] not in jobs or job.state not in _OVER:
            jobs[row["Name"]] = job
    return jobs


_OVER = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELED)


def _job_of(row: Mapping[str, str], waiting: list[dict[str, str]]) -> ClusterJob:
    state = _STATES.get(row["State"], JobState.RUNNING)
    priority = _to_number(row["PriorityLong"])
    before = None
    if state is JobState.QUEUED:
        before = sum(_to_number(other["PriorityLong"]) > priority for other in waiting)
    status = _to_number(row["exit_code"])
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
        exit_code=(status >> 8 or status & 127) if state in _OVER else None,
    )


def _to_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
