"""The conformance suite for clusters.

Each test's docstring quotes the sentences of ``amlflow.spec`` that do not hold when it fails, as
``owner: sentence``.

A plugin's tests inherit :class:`ClusterSuite` and define a fixture ``cluster``. The cluster must be
empty enough for eight jobs of one node at once. Its nodes must be this machine, since the tests'
jobs write files into the tests' folders. While the tests run, nobody else may submit amlflow's jobs
to the cluster.
"""

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import NUDGE, Cluster, ClusterBase, ClusterWork, JobState
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.cluster_away import ClusterAwayTests
from amlflow.testing.suites.cluster_base import HEAD, OVER, end_of
from amlflow.testing.suites.cluster_processes import ClusterProcessTests
from amlflow.testing.suites.cluster_state import ClusterStateTests
from amlflow.testing.suites.compute_base import until
from amlflow.testing.suites.signatures import check_signatures


class ClusterSuite(ClusterProcessTests, ClusterStateTests, ClusterAwayTests):
    """The tests that every cluster must pass."""

    def test_arguments_by_position_and_by_name(self, cluster: Cluster) -> None:
        """
        page: A method takes its arguments by position and by name, as its signature in the contract
            says; an argument that the contract does not have needs a default.
        """
        check_signatures(cluster, Cluster)

    def test_an_identity(self, cluster: Cluster) -> None:
        """
        Cluster.identify: Which cluster this is, and whose jobs it knows: a short text.
        """
        identity = cluster.identify()
        assert isinstance(identity, str)
        assert len(identity) < 1000
        assert cluster.identify() == identity

    def test_a_work_runs_once_with_what_it_was_given(
        self, cluster: Cluster, submitted: Any, tmp_path: Path
    ) -> None:
        """
        ClusterWork: The first of the job's nodes runs python with arguments; the target's settings
            may name another Python of the nodes.
        ClusterWork: environment is added to the environment that the cluster gives its jobs.
        ATTEMPT: The cluster sets it for the job at each start.
        JobState: What a cluster does with a job.
        Cluster.cancel: A job that is over keeps its end, or is forgotten.
        """
        code = (
            "names = 'MORE', 'LONG', 'NONE', 'PATH', 'AMLFLOW_ATTEMPT'; "
            "note.open('a').write(repr((sys.argv[1:], [os.environ.get(name) for name in names])))"
        )
        arguments = ["-c", HEAD + code, "a b", "$HOME", "", "ä'\\\n"]
        environment = {"MORE": "x y\n$HOME 'ä'", "LONG": "x" * 60_000, "NONE": ""}
        item = submitted(arguments=arguments, environment=environment)
        # JobState: What a cluster does with a job.
        job = end_of(cluster, item.name)
        assert job.state in OVER
        # ClusterWork: The first of the job's nodes
        assert (job.state, job.exit_code in (0, None)) == (JobState.COMPLETED, True), job
        given, values = ast.literal_eval((tmp_path / item.name).read_text())
        assert given == arguments[2:]
        # ClusterWork: environment is added
        *own, path, attempt = values
        assert own == [*environment.values()]
        assert path, "PATH is not set"
        # ATTEMPT: The cluster sets it
        assert attempt == "1"
        # Cluster.cancel: A job that is over
        cluster.cancel([item.name])
        state = cluster.look([item.name], now=True)[item.name].state
        assert state in (JobState.COMPLETED, JobState.UNKNOWN)

    def test_a_work_that_fails(self, cluster: Cluster, submitted: Any, tmp_path: Path) -> None:
        """
        ClusterJob: What a cluster knows of a job.
        ClusterJob: What the cluster does not tell is None.
        ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why
            it has ended or is being ended; it is None where the command has ended by itself.
        ClusterWork: The first of the job's nodes runs python with arguments; the target's settings
            may name another Python of the nodes.
        Cluster: When a job's command has ended, or was killed, the cluster ends the processes that
            it has left.
        """
        # The second is killed, and leaves a child.
        code = (
            "child = os.fork() or time.sleep(600); "
            "note.write_text(str(child)); os.kill(os.getpid(), 9)"
        )
        others = [submitted(code).name, submitted(python="/no/such/python").name]
        job = end_of(cluster, submitted("sys.exit(3)").name)
        # ClusterJob: What a cluster knows of a job.
        assert job.state is JobState.FAILED
        # ClusterJob: What the cluster does not tell
        assert job.exit_code in (3, None)
        # ClusterJob: reason says
        assert job.reason is None
        # ClusterWork: The first of
        assert [end_of(cluster, name).state for name in others] == [JobState.FAILED] * 2
        # Cluster: When a job's command has ended
        until(lambda: not is_alive(int((tmp_path / others[0]).read_text())))

    def test_a_work_that_runs(self, cluster: Cluster, submitted: Any, tmp_path: Path) -> None:
        """
        Cluster.look: What the cluster knows of jobs, by their names.
        ClusterJob: attempt is as ATTEMPT; while a job waits, it is the attempt that comes next.
        ClusterWork: max_seconds is how long the script may run; the job may take longer, since it
            prepares and ends the script.
        Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are
            ignored.
        """
        item = submitted("time.sleep(0.3); note.touch(); time.sleep(600)", max_seconds=0.2)
        # ClusterWork: max_seconds is
        until((tmp_path / item.name).exists)
        # Cluster.cancel: Take jobs out of the queue
        cluster.submit([])
        cluster.nudge([])
        cluster.cancel([])
        job = cluster.look([item.name], now=True)[item.name]
        assert job.state is not JobState.CANCELED
        # Cluster.look: What the cluster knows
        assert job.state is JobState.RUNNING
        # ClusterJob: attempt is
        assert job.attempt == 1

    def test_an_old_answer_says_nothing_of_what_it_does_not_know(
        self, cluster: Cluster, submitted: Any
    ) -> None:
        """
        Cluster.look: The answer may be some seconds old, so that many who look do not burden the
            cluster; a job that is younger than that may be missing in the answer.
        Cluster.look: A job is JobState.UNKNOWN only by an answer that is younger than the call.
        Cluster.look: With now the cluster is asked at once, and each name is in the answer.
        """
        cluster.look([])
        item = submitted("time.sleep(600)")
        for _ in range(3):
            job = cluster.look([item.name]).get(item.name)
            # Cluster.look: A job is JobState.UNKNOWN
            assert job is None or job.state is not JobState.UNKNOWN
            # Cluster.look: The answer may be
            assert job is None or job.state not in OVER
        # Cluster.look: With now
        assert cluster.look([item.name], now=True)[item.name].state not in OVER

    def test_each_name_is_in_an_answer_of_now(self, cluster: Cluster, submitted: Any) -> None:
        """
        Cluster.look: With now the cluster is asked at once, and each name is in the answer.
        Cluster.look: One question asks for all.
        """
        items = [submitted("time.sleep(600)").name for _ in range(2)]
        other = uuid.uuid4().hex
        # Cluster.look: With now
        jobs = cluster.look([*items, other], now=True)
        assert set(jobs) == {*items, other}
        assert jobs[other].state is JobState.UNKNOWN
        # Cluster.look: One question asks for all.
        assert all(jobs[name].state not in OVER for name in items)

    def test_many_at_once(
        self, cluster: Cluster, work: Callable[..., ClusterWork], tmp_path: Path
    ) -> None:
        """
        Cluster.submit: Put works into the queue, each once.
        ClusterWork: name is unique and consists of letters and digits.
        """
        texts = ["x", "x", "x", "y", "y"]
        works = [work(f"note.open('a').write('{text}')") for text in texts]
        # Cluster.submit: Put works
        cluster.submit(works)
        for item, text in zip(works, texts, strict=True):
            assert end_of(cluster, item.name).state is JobState.COMPLETED
            assert (tmp_path / item.name).read_text() == text
        # ClusterWork: name is unique
        assert set(cluster.look([item.name for item in works], now=True)) == {
            item.name for item in works
        }

    def test_a_job_that_is_cancelled(
        self, cluster: Cluster, submitted: Any, tmp_path: Path
    ) -> None:
        """
        Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are
            ignored.
        Cluster.cancel: Returns when the cluster has accepted that.
        ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why
            it has ended or is being ended; it is None where the command has ended by itself.
        """
        # Two processes that ignore SIGTERM.
        code = (
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); "
            "note.open('a').write(f'{os.getpid()} '); time.sleep(600)"
        )
        item = submitted(code)
        other = submitted("time.sleep(600)")
        note = tmp_path / item.name
        until(lambda: note.exists() and note.read_text().count(" ") == 2)
        # Cluster.cancel: Take jobs out of the queue
        cluster.cancel([uuid.uuid4().hex, item.name])
        # Cluster.cancel: Returns when
        job = end_of(cluster, item.name)
        assert job.state is JobState.CANCELED
        # ClusterJob: reason says
        assert job.reason
        # Cluster.cancel: Take jobs out of the queue
        until(lambda: not any(is_alive(int(pid)) for pid in note.read_text().split()))
        assert cluster.look([other.name], now=True)[other.name].state not in OVER

    def test_a_nudge(self, cluster: Cluster, submitted: Any, tmp_path: Path) -> None:
        """
        Cluster.nudge: Send the signal NUDGE to the commands of jobs that run, on their first nodes.
        Cluster.nudge: Other jobs are not changed, and unknown ones are ignored.
        NUDGE: It is ignored by programs that do not know it.
        """
        if getattr(type(cluster), "nudge", None) is ClusterBase.nudge:
            pytest.skip(f"{NOT_CLAIMED}nudges (`nudge`)")
        hear = "lambda *_: note.write_text('heard')"
        code = f"import signal; signal.signal(signal.{NUDGE}, {hear}); note.touch()"
        item = submitted(f"{code}; time.sleep(600)")
        other = submitted("note.touch(); time.sleep(600)")
        paths = [tmp_path / name for name in (item.name, other.name)]
        until(lambda: all(path.exists() for path in paths))
        # Cluster.nudge: Send the signal
        # Cluster.nudge: Other jobs
        cluster.nudge([uuid.uuid4().hex, item.name, other.name])
        until(lambda: paths[0].read_text() == "heard")
        # NUDGE: It is ignored
        jobs = cluster.look([item.name, other.name], now=True)
        assert {job.state for job in jobs.values()} == {JobState.RUNNING}

    def test_one_of_many_is_cancelled(
        self, cluster: Cluster, work: Callable[..., ClusterWork]
    ) -> None:
        """
        Cluster.submit: Works that are alike may become parts of one job, as in a job array.
        Cluster.submit: Each of them is looked at and cancelled by its own name all the same.
        Cluster.cancel: The cluster may forget a job at once that it had not started: the job is
            JobState.UNKNOWN then.
        """
        works = [work("time.sleep(600)") for _ in range(3)]
        names = [item.name for item in works]
        # Cluster.submit: Works that are alike may become parts of one job
        cluster.submit(works)
        try:
            # Cluster.submit: Each of them is looked at and cancelled by its own name
            cluster.cancel(names[1:2])
            # Cluster.cancel: The cluster may forget a job at once
            assert end_of(cluster, names[1]).state in (JobState.CANCELED, JobState.UNKNOWN)
            # Cluster.submit: Each of them is looked at and cancelled by its own name
            jobs = cluster.look(names, now=True)
            assert [jobs[name].state in OVER for name in names] == [False, True, False]
        finally:
            cluster.cancel(names)

    def test_what_it_was_given_is_on_no_command_line(
        self, cluster: Cluster, submitted: Any, tmp_path: Path
    ) -> None:
        """
        ClusterWork: It may hold passwords: it is never part of a command line, and nobody else can
            read it.
        """
        secret = uuid.uuid4().hex
        item = submitted("note.touch(); time.sleep(600)", environment={"SECRET": secret})
        seen: list[str] = []

        def look() -> bool:
            seen.extend(command_lines(secret))
            return Path(tmp_path, item.name).exists()

        until(look)
        assert seen == []

    def test_a_check_submits_nothing(
        self, cluster: Cluster, work: Callable[..., ClusterWork], tmp_path: Path
    ) -> None:
        """
        Cluster.check: Called before a run is created; it puts nothing into the queue.
        Cluster.check: tracking_uri is the tracker that the job has to reach.
        """
        item = work("note.touch()")
        # Cluster.check: tracking_uri is
        cluster.check(item, "https://mlflow.example")
        # Cluster.check: Called before
        assert cluster.look([item.name], now=True)[item.name].state is JobState.UNKNOWN

    def test_an_image_that_is_not_used(
        self, cluster: Cluster, work: Callable[..., ClusterWork], image: str | None
    ) -> None:
        """
        ClusterWork: image is the container image that was requested; a cluster that does not run
            the job in it refuses the work.
        """
        if image is not None:
            pytest.skip("the cluster runs jobs in images")
        with pytest.raises(ComputeTargetException):
            cluster.check(work(image="python:3.12"), "https://mlflow.example")

    def test_a_work_that_the_cluster_cannot_take(
        self, cluster: Cluster, work: Callable[..., ClusterWork], too_many_nodes: int
    ) -> None:
        """
        Cluster.check: Raise ComputeTargetException with what to do if the cluster cannot take a
            work.
        Cluster.submit: Raises ComputeTargetException if the cluster refuses a work; those before it
            are in the queue.
        """
        if not cluster.is_distributed:
            pytest.skip(f"{NOT_CLAIMED}jobs of several processes (`is_distributed`)")
        works = [work(), work(nodes=too_many_nodes)]
        # Cluster.check: Raise
        with pytest.raises(ComputeTargetException):
            cluster.check(works[1], "https://mlflow.example")
        # Cluster.submit: Raises
        try:
            cluster.submit(works)
        except ComputeTargetException:
            works.pop()
        names = [item.name for item in works]
        states = {job.state for job in cluster.look(names, now=True).values()}
        cluster.cancel(names)
        assert JobState.UNKNOWN not in states

    def test_another_process_finds_the_jobs(
        self, cluster: Cluster, reopened: Cluster, submitted: Any
    ) -> None:
        """
        Cluster.identify: It is the same wherever the same jobs are known, and different where they
            are not, as for another user.
        Cluster.look: What the cluster knows of jobs, by their names.
        Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are
            ignored.
        """
        name = submitted("time.sleep(600)").name
        # Cluster.identify: It is
        assert reopened.identify() == cluster.identify()
        # Cluster.look: What the cluster knows
        assert reopened.look([name], now=True)[name].state not in OVER
        # Cluster.cancel: Take jobs out of the queue
        reopened.cancel([name])
        end_of(cluster, name)


def is_alive(pid: int) -> bool:
    """Return whether a process runs. One that nobody has waited for after its end does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def command_lines(text: str) -> list[str]:
    """Return the command lines of this machine's processes that contain a text."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(text in word for word in words):
            lines.append(" ".join(words))
    return lines
