"""Tests of jobs with several processes on their nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import Cluster, JobState, Unavailable
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.cluster_base import ClusterTestsBase, end_of

NODES, PROCESSES = 2, 3

_JOB = """
import json, os, pathlib, signal, subprocess, sys, time

note = pathlib.Path(os.environ["AMLFLOW_TEST_NOTE"])
told = {{}}

def files(kind):
    return sorted(note.parent.glob(note.name + "." + kind + ".*"))

def are_gone():
    for path in files("pid"):
        try:
            os.kill(int(path.read_text()), 0)
        except ProcessLookupError:
            continue
        return False
    return True

def wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()

{opening}
told["addresses"] = list(cluster.addresses())
process = subprocess.Popen(
    [*cluster.spread({nodes}, {processes}), sys.executable, "-c", {code!r}],
    env={{**os.environ, "MORE": "x y"}},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
)
{course}
new = note.with_name(note.name + ".new")
new.write_text(json.dumps(told))
new.replace(note)
"""
"""The code that runs on the first node. ``course`` is the code that uses the started command."""

_PROCESS = """
import json, os, pathlib, sys, time

note = pathlib.Path(os.environ["AMLFLOW_TEST_NOTE"])
number = os.environ["AMLFLOW_PROCESS"]

def write(kind, text):
    new = note.with_name(f"{note.name}.new.{number}")
    new.write_text(text)
    new.replace(note.with_name(f"{note.name}.{kind}.{number}"))

"""
"""The beginning of the code of each process."""


class ClusterProcessTests(ClusterTestsBase):
    """Tests of a job with several processes."""

    @pytest.fixture
    def node_variable(self) -> str | None:
        """Return the environment variable with the number of a process's node, if there is one."""
        return None

    @pytest.fixture
    def spread(
        self, cluster: Cluster, submitted: Callable[..., Any], tmp_path: Path, opening: str | None
    ) -> Callable[..., dict[str, Any]]:
        """Return a function that runs processes on nodes, and returns what their job has noted."""
        if not cluster.is_distributed:
            pytest.skip(f"{NOT_CLAIMED}jobs of several processes (`is_distributed`)")
        if opening is None:
            pytest.skip(f"{NOT_CLAIMED}jobs that open the cluster (fixture `opening`)")

        def run(code: str, course: str) -> dict[str, Any]:
            job = _JOB.format(
                opening=opening, nodes=NODES, processes=PROCESSES, code=_PROCESS + code,
                course=course,
            )  # fmt: skip
            script = tmp_path / "job.py"
            script.write_text(job)
            # A file and not -c: else the processes' code would also be on the job's command line.
            item = submitted(arguments=[str(script)], nodes=NODES, processes_per_node=2)
            end = end_of(cluster, item.name)
            assert end.state is JobState.COMPLETED, end
            told: dict[str, Any] = json.loads((tmp_path / item.name).read_text())
            return told

        return run

    def test_processes_on_nodes(self, spread: Any, node_variable: str | None) -> None:
        """
        Cluster.is_distributed: Whether addresses and spread are there, for jobs of several
            processes.
        ClusterWork: The job gets nodes nodes, with room for processes_per_node processes on each;
            only a cluster that Cluster.is_distributed gets a work with more than one of either.
        Cluster.spread: The words to put before a command so that it runs as processes of a job's
            nodes.
        Cluster.spread: Each node gets the same number of processes, the first ones one more if that
            is not even, and each process its number (PROCESS).
        PROCESS: The name of the variable that tells a process its number, when Cluster.spread has
            started it: 0 for the first on the first node, and so on, node by node.
        Cluster.spread: The processes have the caller's environment.
        Cluster.spread: What is written to the standard input goes to all of them, and what they
            write to their standard output comes back by lines.
        Cluster.spread: The command ends when all of them have.
        Cluster.addresses: The addresses of the nodes of the job that this process is part of.
        """
        code = f"""
text = sys.stdin.read()
for n in range(20):
    node = os.environ.get({node_variable!r} or "")
    print(json.dumps([number, n, os.environ.get("MORE"), text, node, "x" * 99]), flush=True)
time.sleep(0.2 * int(number))
write("end", "x")
"""
        course = """
process.stdin.write("said\\nagain\\n")
process.stdin.close()
told["code"] = process.wait()
told["ends"] = len(files("end"))
told["lines"] = list(process.stdout)
"""
        # ClusterWork: The job gets nodes
        told = spread(code, course)
        # Cluster.spread: The words to put before
        assert told["code"] == 0
        # Cluster.spread: What is written
        lines = [json.loads(line) for line in told["lines"]]
        # Cluster.spread: The command ends when
        assert told["ends"] == len({line[0] for line in lines})
        # Cluster.spread: The words to put before
        assert len({line[0] for line in lines}) == PROCESSES
        # PROCESS: The name of
        assert {line[0] for line in lines} == {str(n) for n in range(PROCESSES)}
        if node_variable is not None:
            # Cluster.spread: Each node gets
            assert {line[0]: line[4] for line in lines} == {"0": "0", "1": "0", "2": "1"}
        # Cluster.spread: The processes have
        assert {line[2] for line in lines} == {"x y"}
        # Cluster.spread: What is written
        assert {line[3] for line in lines} == {"said\nagain\n"}
        for number in range(PROCESSES):
            mine = [line[1] for line in lines if line[0] == str(number)]
            assert mine == list(range(20))
        # Cluster.is_distributed: Whether
        assert told["addresses"]
        # Cluster.addresses: The addresses of the nodes
        assert len(told["addresses"]) == NODES

    def test_one_of_the_processes_fails(self, spread: Any) -> None:
        """
        Cluster.spread: They are ended if it is killed, or if one of them ends with another exit
            code than 0.
        """
        code = """
write("pid", str(os.getpid()))
while number == "1" and len([*note.parent.glob(note.name + ".pid.*")]) < 3:
    time.sleep(0.02)
if number == "1":
    sys.exit(3)
time.sleep(600)
"""
        course = """
told["code"] = process.wait()
told["are gone"] = are_gone()
told["count"] = len(files("pid"))
"""
        told = spread(code, course)
        assert told["code"] != 0
        assert (told["count"], told["are gone"]) == (PROCESSES, True)

    def test_their_command_is_killed(self, spread: Any) -> None:
        """
        Cluster.spread: They are ended if it is killed, or if one of them ends with another exit
            code than 0.
        Cluster.spread: They begin with SIGUSR1 and SIGUSR2 ignored, and get those that the command
            gets.
        """
        code = """
import signal

had = [signal.getsignal(each) for each in (signal.SIGUSR1, signal.SIGUSR2)]
signal.signal(signal.SIGUSR1, lambda *_: write("heard", str(had == [signal.SIG_IGN] * 2)))
write("pid", str(os.getpid()))
time.sleep(60)
"""
        course = f"""
told["have started"] = wait_until(lambda: len(files("pid")) == {PROCESSES})
process.send_signal(signal.SIGUSR1)
wait_until(lambda: len(files("heard")) == {PROCESSES} or process.poll() is not None)
told["heard"] = [path.read_text() for path in files("heard")]
process.kill()
process.wait()
told["are gone"] = wait_until(are_gone)
"""
        told = spread(code, course)
        # Cluster.spread: They begin
        assert told["heard"] == ["True"] * PROCESSES
        # Cluster.spread: They are ended
        assert told == {**told, "have started": True, "are gone": True}

    def test_addresses_outside_of_a_job(self, cluster: Cluster) -> None:
        """
        Cluster.addresses: Raises ComputeTargetException and Unavailable.
        """
        if not cluster.is_distributed:
            pytest.skip(f"{NOT_CLAIMED}jobs of several processes (`is_distributed`)")
        with pytest.raises((ComputeTargetException, Unavailable)):
            cluster.addresses()
