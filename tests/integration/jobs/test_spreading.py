"""How the agent on a job's first node handles the messages of all processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from amlflow.jobs.agent.on_node import ADDRESSES
from amlflow.jobs.agent.spreading import Spreading
from amlflow.jobs.cluster.node_messages import ENDED, NodeMessage
from amlflow.jobs.distribution import Distribution
from amlflow.jobs.job import Job, Target
from amlflow.jobs.run_notes import EndRequest
from amlflow.spec import OUT_OF_MEMORY
from amlflow.testing.memory_cluster import MemoryCluster

JOB = Job(
    name="job", run_id="1", tracking_uri="x", target=Target(name="t", kind="slurm"),
    command=["a.py"], is_script=True, environ={}, environment={}, agent_python="p",
)  # fmt: skip
SEND = """
import os
from amlflow.jobs.cluster.node_messages import ENDED, NodeMessage, send
send({message})
"""


class Saying(MemoryCluster):
    """A cluster of three nodes that send one message, instead of starting processes."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message

    def addresses(self) -> Sequence[str]:
        return ["10.0.0.4", "10.0.0.5", "10.0.0.6"]

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        return [sys.executable, "-c", SEND.format(message=self._message)]


def outcome_of(message: NodeMessage | str) -> EndRequest:
    distribution = Distribution(join="pytorch", nodes=2, processes=2)
    text = message if isinstance(message, str) else repr(message)
    spreading = Spreading(Saying(text), JOB, distribution)
    return spreading.wait(lambda: None, lambda seconds: None, time.sleep)


def error_of(outcome: EndRequest) -> str:
    assert outcome.status == "Failed"
    assert outcome.error is not None
    return str(outcome.error["error"]["message"])


def test_a_process_that_is_killed_for_lack_of_memory() -> None:
    message = NodeMessage(number=1, event=ENDED, code=-9, is_out_of_memory=True)
    assert error_of(outcome_of(message)) == (
        f"Process 1 of 2 was ended by the signal SIGKILL, so the others were ended. {OUT_OF_MEMORY}"
    )


def test_a_plugin_explains_the_failure_of_a_process() -> None:
    output = "first\nthe active experiment ID does not match environment run ID\n"
    message = NodeMessage(number=1, event=ENDED, code=3, output=output)
    lines = error_of(outcome_of(message)).splitlines()
    assert lines[0] == (
        "Process 1 of 2 ended with exit code 3, so the others were ended. "
        "The last lines of that process's output (user_logs/std_log_process_1.txt):"
    )
    assert lines[1:3] == output.splitlines()
    assert "before the first mlflow.start_run(): submit to that experiment" in lines[3]


def test_the_end_of_a_process_is_heard_whatever_it_wrote() -> None:
    output = "\ufffd" * 4000 + "\nthe last line"  # of bytes that are not UTF-8
    error = error_of(outcome_of(NodeMessage(number=0, event=ENDED, code=1, output=output)))
    assert error.endswith("\nthe last line")
    assert "without reporting a result" not in error


def test_processes_hear_of_the_nodes_of_the_run_alone() -> None:
    """A target may have its jobs ask for more nodes than the run does."""
    outcome = outcome_of(
        f"NodeMessage(number=0, event=ENDED, code=1, output=os.environ[{ADDRESSES!r}])"
    )
    assert error_of(outcome).endswith(":\n10.0.0.4,10.0.0.5")
