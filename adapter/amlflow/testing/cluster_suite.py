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
from amlflow.testing.suites.cluster_base import HEAD, OVER, end_of
from amlflow.testing.suites.cluster_processes import ClusterProcessTests
from amlflow.testing.suites.cluster_state import ClusterStateTests
from amlflow.testing.suites.compute_base import until
from amlflow.testing.suites.signatures import check_signatures


class ClusterSuite(ClusterProcessTests, ClusterStateTests):
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
        """
        code = (
            "f = note.open('a'); "
            "f.write(repr((sys.argv[1:], os.environ.get('MORE'), os.environ['AMLFLOW_ATTEMPT'])))"
        )
        arguments = ["-c", HEAD + code, "a b", "$HOME", "ä'\\"]
        item = submitted(arguments=arguments, environment={"MORE": "x y\n$HOME 'ä'"})
        # JobState: What a cluster does with a job.
        job = end_of(cluster, item.name)
        assert job.state in OVER
        # ClusterWork: The first of the job's nodes
        assert (job.state, job.exit_code in (0, None)) == (JobState.COMPLETED, True), job
        given, more, attempt = ast.literal_eval((tmp_path / item.name).read_text())
        assert given == ["a b", "$HOME", "ä'\\"]
        # ClusterWork: environment is added
        assert more == "x y\n$HOME 'ä'"
        # ATTEMPT: The cluster sets it
        assert attempt == "1"

    def test_a_work_that_fails(self, cluster: Cluster, submitted: Any) -> None:
        """
        ClusterJob: What a cluster knows of a job.
        ClusterJob: What the cluster does not tell is None.
        ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why
            it has ended or is being ended; it is None where the command has ended by itself.
        """
        job = end_of(cluster, submitted("sys.exit(3)").name)
        # ClusterJob: What a cluster knows of a job.
        assert job.state is JobState.FAILED
        # ClusterJob: What the cluster does not tell
        assert job.exit_code in (3, None)
        # ClusterJob: reason says
        assert job.reason is None

    def test_a_work_that_runs(self, cluster: Cluster, submitted: Any, tmp_path: Path) -> None:
        """
        Cluster.look: What the cluster knows of jobs, by their names.
        ClusterJob: attempt is as ATTEMPT; while a job waits, it is the attempt that comes next.
        """
        item = submitted("note.touch(); time.sleep(600)")
        until((tmp_path / item.name).exists)
        job = cluster.look([item.name], now=True)[item.name]
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
        """
        cluster.look([])
        item = submitted("time.sleep(600)")
        for _ in range(3):
            job = cluster.look([item.name]).get(item.name)
            # Cluster.look: A job is JobState.UNKNOWN
            assert job is None or job.state is not JobState.UNKNOWN
            # Cluster.look: The answer may be
            assert job is None or job.state not in OVER

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
        works = [work("note.open('a').write('x')") for _ in range(5)]
        # Cluster.submit: Put works
        cluster.submit(works)
        for item in works:
            assert end_of(cluster, item.name).state is JobState.COMPLETED
            assert (tmp_path / item.name).read_text() == "x"
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
        item = submitted("note.write_text(str(os.getpid())); time.sleep(600)")
        other = submitted("time.sleep(600)")
        until(lambda: (tmp_path / item.name).exists() and (tmp_path / item.name).read_text())
        # Cluster.cancel: Take jobs out of the queue
        cluster.cancel([uuid.uuid4().hex, item.name])
        # Cluster.cancel: Returns when
        job = end_of(cluster, item.name)
        assert job.state is JobState.CANCELED
        # ClusterJob: reason says
        assert job.reason
        # Cluster.cancel: Take jobs out of the queue
        assert not psutil.pid_exists(int((tmp_path / item.name).read_text()))
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

    def test_a_work_that_the_cluster_cannot_take(
        self, cluster: Cluster, work: Callable[..., ClusterWork], too_many_nodes: int
    ) -> None:
        """
        Cluster.check: Raise ComputeTargetException with what to do if the cluster cannot take a
            work.
        """
        with pytest.raises(ComputeTargetException):
            cluster.check(work(nodes=too_many_nodes), "https://mlflow.example")


def command_lines(text: str) -> list[str]:
    """Return the command lines of this machine's processes that contain a text."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(text in word for word in words):
            lines.append(" ".join(words))
    return lines
