"""When a look decides that a run's agent is gone: each cell in the table of ``agent_change``."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from amlflow.jobs.health import Agent, Silence, agent_change, silence_of
from amlflow.jobs.run_notes import HEARTBEAT, HEARTBEAT_INTERVAL, SILENT
from amlflow.spec import FINAL, LAUNCHED, RunRecord, Status

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
INTERVAL_S = 10
"""So the limit is 30 seconds."""
AGES = {Silence.FRESH: (29, None), Silence.OLD: (30, None), Silence.NOTED: (70, 29),
        Silence.LOST: (70, 30)}  # fmt: skip
"""How many seconds ago the last heartbeat was, and was noted as too old."""


def run(silence: Silence, status: str = Status.RUNNING, **system: str) -> RunRecord:
    age, noted = AGES[silence]
    heartbeat = (NOW - timedelta(seconds=age)).isoformat()
    notes = {LAUNCHED: "yes", HEARTBEAT: heartbeat, HEARTBEAT_INTERVAL: str(INTERVAL_S)}
    if noted is not None:
        since = (NOW - timedelta(seconds=noted)).isoformat()
        notes[SILENT] = json.dumps({"heartbeat": heartbeat, "since": since})
    return RunRecord(
        id="r", experiment_id="e", status=status, created=NOW, system={**notes, **system}
    )


def changed(record: RunRecord, agent: Agent) -> str | None:
    change = agent_change(record, agent, NOW)
    return None if change is None else change.status


RUNNING_TABLE = {
    Silence.FRESH: (None, "NotResponding", "NotResponding", None),
    Silence.OLD: (None, "NotResponding", "NotResponding", "NotResponding"),
    Silence.NOTED: (None, "NotResponding", "NotResponding", None),
    Silence.LOST: (None, "NotResponding", "NotResponding", "Failed"),
}
NOT_RESPONDING_TABLE = {
    Silence.FRESH: (None, None, None, None),
    Silence.OLD: (None, "NotResponding", None, "NotResponding"),
    Silence.NOTED: (None, None, None, None),
    Silence.LOST: (None, "Failed", None, "Failed"),
}


@pytest.mark.parametrize("agent", Agent, ids=lambda agent: agent.name)
@pytest.mark.parametrize("silence", Silence, ids=lambda silence: silence.name)
@pytest.mark.parametrize(
    ("status", "table"),
    [(Status.RUNNING, RUNNING_TABLE), (Status.NOT_RESPONDING, NOT_RESPONDING_TABLE)],
)
def test_the_table(
    status: str, table: dict[Silence, tuple[str | None, ...]], silence: Silence, agent: Agent
) -> None:
    record = run(silence, status)
    assert silence_of(record, NOW) is silence
    assert changed(record, agent) == table[silence][list(Agent).index(agent)]


@pytest.mark.parametrize("agent", Agent)
def test_a_run_that_has_ended_or_was_not_submitted_is_not_changed(agent: Agent) -> None:
    for status in FINAL:
        assert changed(run(Silence.LOST, status), agent) is None
    assert changed(run(Silence.LOST, **{LAUNCHED: "ended"}), agent) is None


@pytest.mark.parametrize("note", ["{}", "not JSON", '{"heartbeat": "now"}'])
def test_a_note_that_does_not_parse_does_not_end_a_run(note: str) -> None:
    record = run(Silence.OLD, Status.NOT_RESPONDING, **{SILENT: note})
    assert changed(record, Agent.ELSEWHERE) == "NotResponding"


def test_a_new_heartbeat_begins_the_count_anew() -> None:
    old = (NOW - timedelta(seconds=500)).isoformat()
    note = json.dumps({"heartbeat": old, "since": old})
    assert changed(run(Silence.OLD, **{SILENT: note}), Agent.ELSEWHERE) == "NotResponding"


def test_a_run_without_a_heartbeat_is_not_lost() -> None:
    record = run(Silence.LOST, Status.NOT_RESPONDING)
    system = {key: value for key, value in record.system.items() if key != HEARTBEAT}
    record = RunRecord(id="r", experiment_id="e", status=record.status, created=NOW, system=system)
    assert changed(record, Agent.ELSEWHERE) is changed(record, Agent.GONE) is None


def test_the_second_limit_is_counted_from_the_note() -> None:
    change = agent_change(run(Silence.OLD), Agent.ELSEWHERE, NOW)
    assert change is not None
    record = run(Silence.OLD, Status.NOT_RESPONDING, **change.system)
    after = {29: None, 30: "Failed"}
    for seconds, status in after.items():
        later = agent_change(record, Agent.ELSEWHERE, NOW + timedelta(seconds=seconds))
        assert (None if later is None else later.status) == status
