"""What a submitted run's ``system`` holds for whoever watches it, and when it counts as lost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from amlflow.spec import FINAL, LAUNCHED, RunChange, RunRecord, Status
from amlflow.tracker_data import (
    parse_end_request,
    parse_error,
    parse_heartbeat,
    parse_heartbeat_seconds,
    parse_job,
    parse_silence,
    parse_warnings,
)

AGENT = "amlflow.agent"
"""The property that claims a run. Properties are write-once, so one of several agents gets it, and
whoever cancels before an agent has it makes sure that none does."""

JOB_NOTE = parse_job.key
"""``{"name": job, "host": machine}``."""
END = parse_end_request.key
"""``{"status": how the run is to end, "error": v1's error or null}``: asks the agent to end it."""
HEARTBEAT = parse_heartbeat.key
"""When the agent was last alive, ISO 8601."""
HEARTBEAT_INTERVAL = parse_heartbeat_seconds.key
"""How often it says so."""
SILENT = parse_silence.key
"""``{"heartbeat": the last one, "since": when somebody found it too old}``."""
ERROR = parse_error.key
WARNINGS = parse_warnings.key

DEFAULT_HEARTBEAT_S = 10.0
HEARTBEAT_SETTING = "AMLFLOW_HEARTBEAT_SECONDS"
MISSED = 3
"""So many heartbeats missed, and the agent does not respond; as many again, and it is lost."""

MAX_ERROR = 2000
"""Characters of an error's message that are kept."""


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


def error(message: str, code: str = "UserError") -> dict[str, Any]:
    """v1's form of an error."""
    if len(message) > MAX_ERROR:
        left_out = len(message) - MAX_ERROR
        message = f"({left_out} characters left out) …{message[-MAX_ERROR:]}"
    return {"error": {"code": code, "message": message}}


def requested_end_of(record: RunRecord) -> EndRequest | None:
    """How somebody has asked the run to end, or has ended it."""
    if record.status in FINAL:
        return EndRequest(record.status)
    asked = parse_end_request(record)
    return None if asked is None else EndRequest(asked.status, asked.error)


def is_submitted(record: RunRecord) -> bool:
    """Whether an agent has the run, or is to have it."""
    return record.system.get(LAUNCHED) == "yes"


def is_launched(record: RunRecord) -> bool:
    """Whether an agent has the run, or had it."""
    return LAUNCHED in record.system


def has_agent(record: RunRecord) -> bool:
    """Whether an agent has claimed the run."""
    return AGENT in record.properties


def silence_change(record: RunRecord, now: datetime) -> RunChange | None:
    """What whoever looks at a run has to change because its agent is silent; None: nothing.

    Clocks of two machines differ, so a run is given up only when the very heartbeat that somebody
    found too old is still the last one as long again after by the clock of those who look.
    """
    if not is_submitted(record) or record.status in FINAL:
        return None
    last = parse_heartbeat(record)
    if last is None:
        return None
    every = parse_heartbeat_seconds(record) or DEFAULT_HEARTBEAT_S
    patience = timedelta(seconds=MISSED * every)
    if now - last < patience:
        return None
    silent = parse_silence(record)
    if silent is None or silent.since is None or silent.heartbeat != last:
        note = json.dumps({"heartbeat": last.isoformat(), "since": now.isoformat()})
        return RunChange(status=Status.NOT_RESPONDING, system={SILENT: note})
    if now - silent.since < patience:
        return None
    return lost(f"The agent of the run has not responded since {last.isoformat()}: it was killed, "
                "or its machine is down or out of reach of the tracker.").change(now)  # fmt: skip


def lost(message: str) -> EndRequest:
    """The end of a run whose agent is gone."""
    return EndRequest(Status.FAILED, error(message, "ServiceError"))


def beat(now: datetime | None = None) -> dict[str, str]:
    """A heartbeat."""
    return {HEARTBEAT: (now or datetime.now(timezone.utc)).isoformat()}


def with_warnings(change: RunChange, warnings: Sequence[str]) -> RunChange:
    """A change that also notes warnings of the run, the first ten."""
    kept = [text[:300] for text in warnings[:10]]
    return dataclasses.replace(change, system={**change.system, WARNINGS: json.dumps(kept)})


def left_out(name: str) -> str:
    """The warning that a file of the working folder is not among the run's."""
    return (
        f"{name!r} was not stored: it is a link that leads out of the run's working folder, "
        "nowhere or in a circle, a folder that cannot be read, or the tracker's own database."
    )
