"""The notes of a submitted run, in ``system``: its agent and other processes write them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from amlflow.claims import latest_attempt
from amlflow.run_errors import to_error
from amlflow.spec import FINAL, LAUNCHED, RunChange, RunRecord, Status
from amlflow.tracker_notes import (
    parse_cluster,
    parse_cluster_identity,
    parse_cluster_tracker,
    parse_end_request,
    parse_ended_attempt,
    parse_environment,
    parse_error,
    parse_heartbeat,
    parse_heartbeat_seconds,
    parse_job,
    parse_left_in_queue,
    parse_silence,
    parse_waiting,
    parse_warnings,
)

JOB_NOTE = parse_job.key
"""``{"name": job, "host": machine, "proof", "base"}``: see :class:`JobNote`."""
END = parse_end_request.key
"""``{"status": how the run is to end, "error": v1's error or null}``: asks the agent to end it."""
HEARTBEAT = parse_heartbeat.key
"""The time of the agent's last heartbeat, in ISO 8601."""
HEARTBEAT_INTERVAL = parse_heartbeat_seconds.key
"""The seconds between two heartbeats."""
SILENT = parse_silence.key
"""``{"heartbeat": the last heartbeat, "since": when somebody noted that it is too old}``."""
ERROR = parse_error.key
CLUSTER = parse_cluster.key
"""The kind of the cluster that runs the job. Without this note, the job runs on one machine."""
CLUSTER_IDENTITY = parse_cluster_identity.key
"""The hash of the identity of that cluster."""
CLUSTER_TRACKER = parse_cluster_tracker.key
"""The hash of the tracking URI with which that job reports."""
WAITING = parse_waiting.key
"""``{"reason", "before", "id", "attempt"}``: why a cluster's job waits, and its place."""
ENDED_ATTEMPT = parse_ended_attempt.key
"""The number of the attempt that ended the run, if the cluster said so and not the agent."""
WARNINGS = parse_warnings.key
ENVIRONMENT = parse_environment.key
"""``{"name", "version", "key"}`` of the script's environment."""

RUN_FAILED = 1
"""The exit code of an agent whose run is Failed. So its cluster calls the job failed, too."""
LEFT_OPEN = 143
"""The exit code of an agent that a signal has ended, and which leaves the run's end to the cluster.
It is that of a shell whose program was ended by SIGTERM."""
DEFAULT_HEARTBEAT_S = 10.0
HEARTBEAT_SETTING = "AMLFLOW_HEARTBEAT_SECONDS"
MAX_MISSED = 3
"""After this many missed heartbeats, an agent is not responding.

After twice as many, it is lost.
"""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """How a run must end: its status, and v1's error if it has one."""

    status: str
    error: dict[str, Any] | None = None

    def note(self) -> dict[str, str]:
        """Return the note in ``system`` that tells the agent the request."""
        return {END: json.dumps({"status": self.status, "error": self.error})}

    def change(self, ended: datetime | None = None) -> RunChange:
        """Return the change that ends the run."""
        system = {LAUNCHED: "ended"}
        if self.error is not None:
            system[ERROR] = json.dumps(self.error)
        return RunChange(
            status=self.status, ended=ended or datetime.now(timezone.utc), system=system
        )


def requested_end_of(record: RunRecord) -> EndRequest | None:
    """Return how the run must end, or has ended; None if no end was requested and it goes on."""
    if record.status in FINAL:
        return EndRequest(record.status)
    request = parse_end_request(record)
    return None if request is None else EndRequest(request.status, request.error)


def is_submitted(record: RunRecord) -> bool:
    """Whether the run was submitted and has not ended: an agent runs its script, or will."""
    return record.system.get(LAUNCHED) == "yes"


def is_launched(record: RunRecord) -> bool:
    """Whether the run was submitted. It may have ended."""
    return LAUNCHED in record.system


def is_on_cluster(record: RunRecord) -> bool:
    """Whether a cluster runs the run's job."""
    return CLUSTER in record.system


def has_agent(record: RunRecord) -> bool:
    """Whether an agent has claimed the run. That of the first attempt may have died before."""
    return latest_attempt(record.properties) > 0


def is_started_again(record: RunRecord, attempt: int) -> bool:
    """Whether a run has ended with an earlier attempt of its job, by what its cluster said.

    The cluster has changed its mind since: it has started this attempt. If the run's agent or a
    user has ended the run, it stays ended.
    """
    ended = parse_ended_attempt(record)
    return record.status in FINAL and ended is not None and ended < attempt


def start_again() -> RunChange:
    """Return the change of a run that :func:`is_started_again`."""
    system = {LAUNCHED: "yes", ERROR: "null"}
    return RunChange(status=Status.RUNNING, system=system)


def note_of_queue(*, is_left: bool) -> dict[str, str]:
    """Return the note whether the job of a canceled run may still be in its cluster's queue."""
    return {parse_left_in_queue.key: "yes" if is_left else "no"}


def is_left_in_queue(record: RunRecord) -> bool:
    """Whether a run has ended while its job may still be in its cluster's queue."""
    return record.status in FINAL and is_on_cluster(record) and bool(parse_left_in_queue(record))


def fail_as_lost(message: str) -> EndRequest:
    """Return the end of a run whose agent is gone: Failed, with this message."""
    return EndRequest(Status.FAILED, to_error(message, "ServiceError"))


def make_heartbeat(now: datetime | None = None) -> dict[str, str]:
    """Return the note of a heartbeat."""
    return {HEARTBEAT: (now or datetime.now(timezone.utc)).isoformat()}


def with_warnings(change: RunChange, warnings: Sequence[str]) -> RunChange:
    """Add the first ten warnings to a change of the run."""
    texts = [text[:300] for text in warnings[:10]]
    return dataclasses.replace(change, system={**change.system, WARNINGS: json.dumps(texts)})


def left_out_warning(name: str) -> str:
    """Return the warning that a file of the working folder is not stored in the run."""
    return (
        f"{name!r} was not stored. It is one of these: a link that leads out of the run's working "
        "folder, to nothing or in a circle; a folder that cannot be read; a pipe, socket or "
        "device; a name with a backslash or not in UTF-8; or the tracker's own database."
    )


def unsent_warning(name: str, failure: Exception) -> str:
    """Return the warning that the tracker did not take a file."""
    return f"The file {name!r} could not be stored: {getattr(failure, 'message', failure)}"
