"""The notes of a submitted run: what its agent and its watchers write into ``system``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from amlflow.claims import AGENT, attempt_of
from amlflow.run_errors import to_error
from amlflow.spec import FINAL, LAUNCHED, RunChange, RunRecord, Status
from amlflow.tracker_notes import (
    parse_cluster,
    parse_end_request,
    parse_environment,
    parse_error,
    parse_heartbeat,
    parse_heartbeat_seconds,
    parse_job,
    parse_silence,
    parse_waiting,
    parse_warnings,
)

JOB_NOTE = parse_job.key
"""``{"name": job, "host": machine}``."""
END = parse_end_request.key
"""``{"status": how the run is to end, "error": v1's error or null}``: asks the agent to end it."""
HEARTBEAT = parse_heartbeat.key
"""When the agent last wrote, ISO 8601."""
HEARTBEAT_INTERVAL = parse_heartbeat_seconds.key
"""The seconds between two heartbeats."""
SILENT = parse_silence.key
"""``{"heartbeat": the last one, "since": when it was noted as too old}``."""
ERROR = parse_error.key
CLUSTER = parse_cluster.key
"""The kind of the cluster that runs the job. Without it, the job is one machine's."""
WAITING = parse_waiting.key
"""``{"reason", "before", "id", "attempt"}``: why a cluster's job waits."""
WARNINGS = parse_warnings.key
ENVIRONMENT = parse_environment.key
"""``{"name", "version", "key"}`` of the script's environment."""

DEFAULT_HEARTBEAT_S = 10.0
HEARTBEAT_SETTING = "AMLFLOW_HEARTBEAT_SECONDS"
MAX_MISSED = 3
"""After this many missed heartbeats an agent does not respond; after as many again it is lost."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """How a run is to end, and v1's error if there is one."""

    status: str
    error: dict[str, Any] | None = None

    def note(self) -> dict[str, str]:
        """The request as ``system`` keeps it for the agent."""
        return {END: json.dumps({"status": self.status, "error": self.error})}

    def change(self, ended: datetime | None = None) -> RunChange:
        """The change that ends the run so."""
        system = {LAUNCHED: "ended"}
        if self.error is not None:
            system[ERROR] = json.dumps(self.error)
        return RunChange(
            status=self.status, ended=ended or datetime.now(timezone.utc), system=system
        )


def requested_end_of(record: RunRecord) -> EndRequest | None:
    """How the run was asked to end, or has ended; None if neither."""
    if record.status in FINAL:
        return EndRequest(record.status)
    request = parse_end_request(record)
    return None if request is None else EndRequest(request.status, request.error)


def is_submitted(record: RunRecord) -> bool:
    """Whether an agent runs the script, or will."""
    return record.system.get(LAUNCHED) == "yes"


def is_launched(record: RunRecord) -> bool:
    """Whether the run was submitted, and may have ended."""
    return LAUNCHED in record.system


def is_clusters(record: RunRecord) -> bool:
    """Whether the run's job is a cluster's."""
    return CLUSTER in record.system


def waiting_text(record: RunRecord) -> str | None:
    """What the job of a queued run waits for, such as "waiting: Resources, 3 jobs before it"."""
    waiting = parse_waiting(record)
    if waiting is None or record.status != Status.QUEUED:
        return None
    jobs = "job" if waiting.before == 1 else "jobs"
    before = f", {waiting.before} {jobs} before it" if waiting.before else ""
    attempt = f" (attempt {waiting.attempt})" if waiting.attempt > 1 else ""
    return f"waiting: {waiting.reason or 'for its turn'}{before}{attempt}"


def has_agent(record: RunRecord) -> bool:
    """Whether an agent has claimed the run."""
    return AGENT in record.properties


def latest_attempt(record: RunRecord) -> int:
    """The highest attempt that has claimed a run; 0 if none has."""
    return max((attempt_of(key) or 0 for key in record.properties), default=0)


def fail_as_lost(message: str) -> EndRequest:
    """The end of a run whose agent is gone."""
    return EndRequest(Status.FAILED, to_error(message, "ServiceError"))


def beat(now: datetime | None = None) -> dict[str, str]:
    """The note of a heartbeat."""
    return {HEARTBEAT: (now or datetime.now(timezone.utc)).isoformat()}


def with_warnings(change: RunChange, warnings: Sequence[str]) -> RunChange:
    """The change, which also notes the first ten warnings of the run."""
    texts = [text[:300] for text in warnings[:10]]
    return dataclasses.replace(change, system={**change.system, WARNINGS: json.dumps(texts)})


def left_out_warning(name: str) -> str:
    """The warning that a file of the working folder is not among the run's."""
    return (
        f"{name!r} was not stored: it is a link that leads out of the run's working folder, "
        "nowhere or in a circle, a folder that cannot be read, a name with a backslash, or the "
        "tracker's own database."
    )
