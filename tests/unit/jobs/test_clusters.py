"""How a look uses a cluster's answer, and what a cluster's job is given."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.claims import claim_key, latest_attempt
from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.cancel import request_end
from amlflow.jobs.cluster.canceling import (
    cancel_at_cluster,
    remove_left_job,
    start_telling_agent,
)
from amlflow.jobs.cluster.identity import cluster_notes
from amlflow.jobs.cluster.looking import cluster_change, look_at_cluster
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.cluster.node_messages import MARK, NodeMessage, parse_message, to_line
from amlflow.jobs.cluster.payload import OWN_VARIABLE, VARIABLE, take_job, to_work, to_works
from amlflow.jobs.distribution import Distribution
from amlflow.jobs.finding import hash_of_base
from amlflow.jobs.health import Agent, agent_change
from amlflow.jobs.job import Job, Target, this_host
from amlflow.jobs.run_notes import (
    CLUSTER,
    HEARTBEAT,
    SILENT,
    WAITING,
    is_left_in_queue,
    requested_end_of,
)
from amlflow.jobs.run_notes import EndRequest as RequestedEnd
from amlflow.spec import (
    ClusterJob,
    JobState,
    RunRecord,
    Status,
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from amlflow.waiting_text import waiting_text
from helpers.cluster_runs import (
    AGENT,
    CANCEL,
    NAME,
    NOW,
    STATES,
    OneCluster,
    next_status,
    record,
    stored,
)  # fmt: skip

TRACKER = "memory://"


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
@pytest.mark.parametrize("state", STATES)
def test_a_run_that_has_ended_stays_so(status: str, state: JobState) -> None:
    assert cluster_change(record(status), ClusterJob(state=state)) is None


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (JobState.PREPARING, "Queued", "Preparing"),
        (JobState.PREPARING, "Running", None),
        (JobState.RUNNING, "Queued", None),
        (JobState.RUNNING, "NotResponding", None),
        (JobState.ENDING, "Running", None),
        (JobState.COMPLETED, "Finalizing", "Failed"),
        (JobState.FAILED, "Running", "Failed"),
        (JobState.CANCELED, "Running", "Canceled"),
        (JobState.UNKNOWN, "Running", "Failed"),
    ],
)
def test_what_a_look_makes_of_a_state(state: JobState, status: str, expected: str | None) -> None:
    assert next_status(record(status), state) == expected


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker(TRACKER)


@pytest.mark.parametrize("status", ["Preparing", "Running", "NotResponding", "Finalizing"])
def test_a_job_waits_for_an_attempt_that_has_not_begun(status: str) -> None:
    """An answer that is older than the agent's claim leaves the run as the agent says."""
    assert next_status(record(status), JobState.QUEUED, attempt=1) is None
    assert next_status(record(status), JobState.QUEUED, attempt=2) == "Queued"


@pytest.mark.parametrize(
    ("identity", "expected"),
    [("here 1000", "Failed"), ("here 1001", "Running"), ("there 1000", "Running")],
)
def test_a_cluster_that_did_not_get_the_job_does_not_end_its_run(
    tracker: MemoryTracker, identity: str, expected: str
) -> None:
    notes = cluster_notes(OneCluster("here 1000"), "slurm", TRACKER)
    run = stored(tracker, record("Running", **notes))
    is_changed = look_at_cluster(tracker, run, lambda: OneCluster(identity))
    assert is_changed is (True if expected == "Failed" else None)
    assert tracker.get_run(run.id).status == expected


def test_a_run_of_an_older_amlflow_is_not_ended_by_a_cluster_that_does_not_know_it(
    tracker: MemoryTracker,
) -> None:
    run = stored(tracker, record("Running"))
    assert look_at_cluster(tracker, run, lambda: OneCluster("")) is None
    assert tracker.get_run(run.id).status == "Running"


@pytest.mark.parametrize(
    ("host", "base", "minutes", "expected"),
    [
        ("here", "same", 10, "Failed"),
        ("here", "same", 0, "Queued"),
        ("elsewhere", "same", 10, "Queued"),
        ("here", "other", 10, "Queued"),
        ("here", "unknown", 10, "Queued"),
        ("elsewhere", "other", 25 * 60, "Failed"),
        ("here", "unknown", 25 * 60, "Failed"),
    ],
)
def test_the_run_of_a_submitter_that_ended_before_the_cluster_had_the_job(
    tracker: MemoryTracker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    host: str,
    base: str,
    minutes: float,
    expected: str,
) -> None:
    """Submitters with another folder of jobs may still be at work, but not for a day."""
    folders = {"same": tmp_path, "other": tmp_path / "other"}
    monkeypatch.setenv("AMLFLOW_JOBS", str(tmp_path))
    (tmp_path / "other").mkdir()
    job = {"name": NAME, "host": this_host() if host == "here" else host}
    if base in folders:
        job["base"] = str(hash_of_base(folders[base]))
    notes = {**cluster_notes(OneCluster("here 1000"), "slurm", TRACKER), "job": json.dumps(job)}
    created = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    draft = dataclasses.replace(record("Queued", {}, **notes), created=created)
    run = stored(tracker, draft)
    is_changed = look_at_cluster(tracker, run, lambda: OneCluster("here 1000"))
    assert is_changed is (expected == "Failed")
    after = tracker.get_run(run.id)
    assert after.status == expected
    assert ("before the cluster had the job" in str(after.system)) is (expected == "Failed")


def test_who_may_not_see_the_job_asks_its_agent_to_cancel(tracker: MemoryTracker) -> None:
    notes = cluster_notes(OneCluster("here 1000"), "slurm", TRACKER)
    run = stored(tracker, record("Running", **notes, **CANCEL))
    cancel_at_cluster(tracker, run, lambda: OneCluster("here 1001"))
    assert requested_end_of(tracker.get_run(run.id)) is not None


def test_a_run_that_no_agent_had_may_not_be_in_the_queue_yet() -> None:
    assert next_status(record("Queued", {}), JobState.UNKNOWN) is None


def test_a_run_whose_job_had_waited_and_is_forgotten_has_failed() -> None:
    """As an element of a job array of Slurm's that somebody cancels before it starts."""
    waiting = {WAITING: json.dumps({"reason": "Resources", "before": 1, "id": "7", "attempt": 1})}
    change = cluster_change(record("Queued", {}, **waiting), ClusterJob(state=JobState.UNKNOWN))
    assert change is not None
    assert change.status == "Failed"
    assert "had waited in its queue" in change.system["error"]
    requested = record("CancelRequested", {}, **waiting, **CANCEL)
    assert next_status(requested, JobState.UNKNOWN) == "Canceled"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELED, JobState.COMPLETED])
def test_a_requested_end_counts_once_the_job_has_ended(state: JobState) -> None:
    assert next_status(record("CancelRequested", **CANCEL), state) == "Canceled"


def test_a_job_that_waits_while_its_end_is_requested_is_not_queued_again() -> None:
    assert next_status(record("CancelRequested", **CANCEL), JobState.QUEUED) is None


def test_what_a_job_waits_for_is_noted_once() -> None:
    job = ClusterJob(state=JobState.QUEUED, reason="Resources", before=3, id="7")
    change = cluster_change(record("Queued", {}), job)
    assert change is not None
    run = record("Queued", {}, **change.system)
    assert waiting_text(run) == "waiting: Resources, 3 jobs before it"
    assert cluster_change(run, dataclasses.replace(job, before=2)) is None
    assert cluster_change(run, dataclasses.replace(job, reason="Priority")) is not None
    assert waiting_text(record("Running", **change.system)) is None


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"reason": 1, "attempt": 1}', '{"attempt": "x"}', '{"before": 1.5}', "9"]
)
def test_a_note_that_is_none_of_amlflows(text: str) -> None:
    assert waiting_text(record("Queued", waiting=text)) is None


def test_attempts_claim_by_names_of_their_own() -> None:
    assert latest_attempt(record("Queued", {}).properties) == 0
    assert latest_attempt(record("Queued", AGENT).properties) == 1
    claims = {**AGENT, claim_key(3): "x", claim_key(2): "y", "amlflow.agent.x": "", "a.99": ""}
    assert latest_attempt(record("Queued", claims).properties) == 3


def test_silence_alone_does_not_end_the_run_of_a_cluster() -> None:
    old = (NOW - timedelta(days=2)).isoformat()
    noted = {SILENT: json.dumps({"heartbeat": old, "since": old}), HEARTBEAT: old}
    run = record("NotResponding", **noted)
    assert agent_change(run, Agent.ELSEWHERE, NOW) is None
    own = dataclasses.replace(run, system={k: v for k, v in run.system.items() if k != CLUSTER})
    change = agent_change(own, Agent.ELSEWHERE, NOW)
    assert change is not None
    assert change.status == Status.FAILED


def make_job(**values: Any) -> Job:
    fields: dict[str, Any] = {
        "name": NAME, "run_id": "1", "tracking_uri": "http://x:secret@y", "command": ["a.py"],
        "target": Target(name="gpu", kind="slurm", settings={"partition": "main"}),
        "is_script": True, "environ": {"HOME": "/submitter"}, "environment": {"A": "ä\n"},
        "agent_python": "/usr/bin/python3", "needs": [], **values,
    }  # fmt: skip
    return Job(**fields)


def test_a_job_travels_in_one_variable() -> None:
    work = to_work(make_job(max_seconds=5.0))
    assert work.max_seconds == 5.0
    assert "secret" not in " ".join([work.python, *work.arguments])
    environ = {**work.environment, "HOME": "/node"}
    job = take_job(environ)
    assert job == make_job(max_seconds=5.0, environ={"HOME": "/node"})
    assert VARIABLE not in environ


def test_a_job_keeps_the_submitters_path_of_modules() -> None:
    job = make_job(import_path="/amlflow", environ={"PYTHONPATH": "/own", "OTHER": "x"})
    assert to_work(job).environment["PYTHONPATH"] == "/own:/amlflow"
    alone = make_job(import_path="/amlflow", environ={})
    assert to_work(alone).environment["PYTHONPATH"] == "/amlflow"


def test_jobs_that_are_submitted_together_share_what_they_have_in_common() -> None:
    jobs = [
        make_job(
            name=f"{number:032x}",
            run_id=str(number),
            command=["a.py", "--rate", str(number)],
            environment={"A": "ä\n", "AZUREML_RUN_ID": str(number), **more},
            tracking_uri="http://x:secret@y/" + "long" * 500,
        )
        for number, more in enumerate([{}, {"ONLY": "here"}, {}])
    ]
    works = to_works(jobs)
    assert len({work.environment[VARIABLE] for work in works}) == 1
    assert all(len(work.environment[OWN_VARIABLE]) < 300 for work in works)
    for job, work in zip(jobs, works, strict=True):
        environ = {**work.environment, "HOME": "/node"}
        assert take_job(environ) == dataclasses.replace(job, environ={"HOME": "/node"})
        assert environ == {"HOME": "/node"}
        assert work.name == job.name
    assert [OWN_VARIABLE in work.environment for work in to_works(jobs[:1])] == [False]


def test_a_process_without_a_job() -> None:
    with pytest.raises(ComputeTargetException, match="Only a cluster can start its jobs"):
        take_job({})


def message(**values: Any) -> str:
    return f"{MARK}{json.dumps({'number': 1, 'event': 'ended', 'code': 3, 'output': '', **values})}"


def test_what_a_process_tells_is_heard() -> None:
    assert parse_message(message(error="why", output="x"), 2) == NodeMessage(
        number=1, event="ended", code=3, error="why", output="x"
    )


@pytest.mark.parametrize(
    "line",
    ["", "srun: error", MARK, f"{MARK}[]", message(number=2), message(number=-1),
     message(number=True), message(event="x"), message(event=[]), message(code=999),
     message(code="3"), message(output=None), message(output="x" * 30_000)],
)  # fmt: skip
def test_a_line_that_a_script_has_written_is_not(line: str) -> None:
    assert parse_message(line, 2) is None


@pytest.mark.parametrize(
    ("error", "output"),
    [(None, "\ufffd" * 4000), ("x" * 25_000, ""), ("e\0" * 9000 + ".", "\U0001f600" * 4000)],
)
def test_long_texts_arrive_with_their_ends(error: str | None, output: str) -> None:
    line = to_line(NodeMessage(number=1, event="ended", code=3, error=error, output=output))
    message = parse_message(line, 2)
    assert message is not None
    assert (message.number, message.code) == (1, 3)
    assert (error or "").endswith(message.error or "")
    assert output.endswith(message.output)
    assert message.error or message.output
    assert len(line) > 9000


def test_a_distributed_job_asks_for_nodes() -> None:
    job = make_job(distribution=Distribution(join="pytorch", nodes=2, processes=3))
    work = to_work(job)
    assert take_job(dict(work.environment)).distribution == job.distribution
    assert (work.nodes, work.processes_per_node, work.distribution) == (2, 2, "pytorch")
    assert to_work(make_job()).nodes == 1


class Queue(OneCluster):
    """A cluster with one job. It shows the job to the user who submitted it."""

    def __init__(self, state: JobState, identity: str = "here 1000") -> None:
        super().__init__(identity)
        self.state, self.canceled, self.is_away = state, 0, False
        self.asked_now = 0
        self.nudged: list[str] = []

    def look(self, names: Any, *, now: bool = False) -> Any:
        if self.is_away:
            raise Unavailable("The controller is away.")
        self.asked_now += now
        is_own = self.identify() == "here 1000"
        return {
            name: ClusterJob(state=self.state if is_own else JobState.UNKNOWN) for name in names
        }

    def cancel(self, names: Any) -> None:
        self.state, self.canceled = JobState.UNKNOWN, self.canceled + 1

    def nudge(self, names: Any) -> None:
        if self.is_away:
            raise Unavailable("The controller is away.")
        self.nudged.extend(names)


def cancel(tracker: MemoryTracker, run: RunRecord, queue: Queue | None) -> RunRecord:
    request_end(tracker, run, RequestedEnd("Canceled"), "CancelRequested")
    cancel_at_cluster(tracker, run, lambda: queue)
    return tracker.get_run(run.id)


def queued(tracker: MemoryTracker, properties: Any = ()) -> RunRecord:
    notes = cluster_notes(OneCluster("here 1000"), "slurm", TRACKER)
    return stored(tracker, record("Queued", properties, **notes))


def test_who_submitted_a_job_takes_it_out_of_the_queue(tracker: MemoryTracker) -> None:
    queue = Queue(JobState.QUEUED)
    run = cancel(tracker, queued(tracker), queue)
    assert (run.status, queue.canceled, is_left_in_queue(run)) == ("Canceled", 1, False)
    assert queue.asked_now == 0  # many may be cancelled, and the last answer says enough


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_the_cluster_is_asked_now_about_a_job_that_has_started(
    tracker: MemoryTracker, state: JobState
) -> None:
    """Its last answer may be from the time before the start, and the agent has to end the job."""
    queue = Queue(state)
    cancel(tracker, queued(tracker, AGENT), queue)
    assert queue.asked_now == 1
    assert queue.canceled == (state is JobState.QUEUED)


@pytest.mark.parametrize("is_away", [False, True])
def test_an_agent_is_told_without_the_tracker(tracker: MemoryTracker, is_away: bool) -> None:
    queue = Queue(JobState.RUNNING)
    queue.is_away = is_away
    run = queued(tracker, AGENT)
    telling = start_telling_agent(tracker, run, lambda: queue)
    assert telling is not None
    telling.join()
    assert queue.nudged == ([] if is_away else [cluster_name_of(run)])
    cancel_at_cluster(tracker, run, lambda: queue, is_told=True)
    assert len(queue.nudged) == (not is_away)


def test_nobody_is_told_if_the_run_has_no_agent(tracker: MemoryTracker) -> None:
    waiting, over = queued(tracker), record("Completed", AGENT)
    elsewhere = dataclasses.replace(record("Running", AGENT), system={"launched": "yes"})
    for run in (waiting, over, elsewhere):
        assert start_telling_agent(tracker, run, lambda: Queue(JobState.RUNNING)) is None


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
@pytest.mark.parametrize("uri", ["http://restored:5000", None])
def test_a_cancel_in_a_copy_of_the_tracker_does_not_end_the_job(
    tracker: MemoryTracker, state: JobState, uri: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The copy has the run with its notes, also the proof. An older amlflow noted no tracker."""
    queue, run = Queue(state), queued(tracker, AGENT if state is JobState.RUNNING else ())
    tracker.uri = uri or TRACKER
    if uri is None:
        system = {key: run.system[key] for key in run.system.keys() - {"cluster_tracker"}}
        run = dataclasses.replace(run, system=system)
    if (telling := start_telling_agent(tracker, run, lambda: queue)) is not None:
        telling.join()
    look_at_cluster(tracker, cancel(tracker, run, queue), lambda: queue)
    assert (len(queue.nudged) + queue.canceled > 0) is (uri is None)
    assert ("another tracking URI than http://restored:5000" in caplog.text) is (uri is not None)


@pytest.mark.parametrize("reason", ["another machine", "another user", "the controller is away"])
def test_the_next_look_takes_a_job_out_of_the_queue(tracker: MemoryTracker, reason: str) -> None:
    queue = Queue(JobState.QUEUED)
    queue.is_away = reason == "the controller is away"
    elsewhere = {"another machine": None, "another user": Queue(JobState.QUEUED, "here 1001")}
    run = cancel(tracker, queued(tracker), elsewhere.get(reason, queue))
    assert (run.status, queue.canceled, is_left_in_queue(run)) == ("Canceled", 0, True)
    assert not remove_left_job(tracker, run, lambda: elsewhere.get(reason, queue))
    queue.is_away = False
    assert remove_left_job(tracker, run, lambda: queue)
    assert queue.canceled == 1
    assert not is_left_in_queue(tracker.get_run(run.id))


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.COMPLETED, JobState.UNKNOWN])
def test_a_job_that_has_left_the_queue_is_not_looked_for_again(
    tracker: MemoryTracker, state: JobState
) -> None:
    """If it runs, its agent ends it at once: it cannot claim the run."""
    run = cancel(tracker, queued(tracker), None)
    queue = Queue(state)
    assert remove_left_job(tracker, run, lambda: queue)
    assert queue.canceled == 0
    assert not is_left_in_queue(tracker.get_run(run.id))


def test_a_job_that_was_put_back_and_canceled_elsewhere_is_ended_by_a_look(
    tracker: MemoryTracker,
) -> None:
    queue = Queue(JobState.QUEUED)
    run = cancel(tracker, queued(tracker, AGENT), None)
    assert run.status == "CancelRequested"
    assert look_at_cluster(tracker, run, lambda: queue)
    assert (tracker.get_run(run.id).status, queue.canceled) == ("Canceled", 1)
