"""Scripts of several processes on one machine."""

from __future__ import annotations

from typing import Any

import psutil
import pytest
from azureml.core import Environment
from azureml.core.runconfig import MpiConfiguration, PyTorchConfiguration, TensorflowConfiguration
from helpers.distributed_scripts import JOINED, SUM, process_log
from helpers.old_pythons import old_pythons
from helpers.submitted_jobs import error_of, log_of, submit, until, wait_for_end
from helpers.tools import need


def test_processes_that_pytorch_joins(experiment: Any) -> None:
    run = submit(
        experiment, JOINED, distributed_job_config=PyTorchConfiguration("Gloo", process_count=3)
    )
    assert wait_for_end(run) == "Completed", error_of(run)
    assert "joined by [1, 2]" in log_of(run)
    for rank in range(3):
        assert f"process {rank} on 0 {rank}" in process_log(run, rank)
        assert run.get_metrics(f"loss of {rank}")[f"loss of {rank}"] == list(range(50))
    assert sorted(run.get_metrics("rank")["rank"]) == [0, 1, 2]
    assert [name for name in run.get_file_names() if name.startswith("outputs")] == [
        f"outputs/{rank}.txt" for rank in range(3)
    ]
    definition = run.get_details()["runDefinition"]
    assert (definition["framework"], definition["communicator"]) == ("PyTorch", "gloo")
    assert definition["pytorch"] == {"communicationBackend": "gloo", "processCount": 3}


def test_processes_that_mpi_joins(experiment: Any) -> None:
    need("mpiexec")
    more = """
    print([name for name in os.environ if name.startswith(("HYDRA_", "OMPI_MCA", "AMLFLOW_FOR"))])
    """
    two = MpiConfiguration(2, node_count=2)
    run = submit(experiment, SUM + more, distributed_job_config=two)
    assert wait_for_end(run) == "Completed", error_of(run)
    for rank in range(4):
        assert process_log(run, rank) == f"{rank} of 4: 6, {rank}\n[]\n"


def test_parameter_servers_end_with_the_workers(experiment: Any) -> None:
    """On the oldest Python of this machine, which also runs the launcher."""
    environment = Environment("old")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = old_pythons()[0]
    run = submit(
        experiment,
        """
        import json, os, sys, time
        task = json.loads(os.environ["TF_CONFIG"])["task"]
        print(task["type"], task["index"], sys.argv[1:], flush=True)
        time.sleep(600 if task["type"] == "ps" else 0)
        """,
        distributed_job_config=TensorflowConfiguration(2, 1),
        environment=environment,
        arguments=["n$AZ_BATCHAI_TASK_INDEX"],
    )
    assert wait_for_end(run) == "Completed", error_of(run)
    logs = [process_log(run, number).strip() for number in range(3)]
    assert logs[:2] == ["worker 0 ['n0']", "worker 1 ['n1']"]


@pytest.mark.parametrize("join", ["pytorch", "mpi"])
def test_the_death_of_one_process_ends_the_others_and_is_named(
    experiment: Any, tmp_path: Any, join: str
) -> None:
    note = tmp_path / "pids"
    distributed = PyTorchConfiguration(process_count=3)
    if join == "mpi":
        need("mpiexec")
        distributed = MpiConfiguration(3)
    run = submit(
        experiment,
        f"""
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        rank = int(os.environ.get("RANK") or os.environ["OMPI_COMM_WORLD_RANK"])
        with open({str(note)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        while len(open({str(note)!r}).read().split()) < 3:
            time.sleep(0.05)
        if rank == 1:
            raise ValueError("no such data")
        time.sleep(600)
        """,
        distributed_job_config=distributed,
    )
    assert wait_for_end(run) == "Failed"
    assert "Process 1 of 3 ended with exit code 1, so the others were ended." in error_of(run)
    assert "user_logs/std_log_process_1.txt" in error_of(run)
    assert "ValueError: no such data" in error_of(run)
    assert not any(psutil.pid_exists(int(pid)) for pid in note.read_text().split())


def test_a_distributed_run_is_cancelled(experiment: Any, tmp_path: Any) -> None:
    note = tmp_path / "pids"
    run = submit(
        experiment,
        f"""
        import os, time
        with open({str(note)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(600)
        """,
        distributed_job_config=PyTorchConfiguration(process_count=2),
    )
    until(lambda: note.exists() and len(note.read_text().splitlines()) == 2)
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    assert not any(psutil.pid_exists(int(pid)) for pid in note.read_text().split())
