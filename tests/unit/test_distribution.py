"""Processes of a distributed run: how many there are, and the variables that each one gets."""

from __future__ import annotations

import io
import json
import secrets
import socket
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.scripts.distribution import distribution_of
from amlflow.jobs import launcher
from amlflow.jobs.agent import processes
from amlflow.jobs.agent.processes import Failure, failure_in, free_ports
from amlflow.jobs.cluster import node_messages
from amlflow.jobs.distribution import (
    FIRST_PORT,
    PORTS,
    Distribution,
    process_ports,
    rank_by_node,
    rank_here,
    server_numbers,
    variables_of,
)
from amlflow.jobs.job import JobFolder
from azureml.core import ScriptRunConfig
from azureml.core.runconfig import (
    MpiConfiguration,
    PyTorchConfiguration,
    RunConfiguration,
    TensorflowConfiguration,
)
from azureml.exceptions import RunConfigurationException, UserErrorException


def settings_of(distributed: Any) -> RunConfiguration:
    config = ScriptRunConfig("src", "train.py", distributed_job_config=distributed)
    settings: RunConfiguration = config.run_config
    return settings


@pytest.mark.parametrize(
    ("distributed", "expected"),
    [
        (MpiConfiguration(), ("mpi", 1, 1, 0, False)),
        (MpiConfiguration(4, 2), ("mpi", 2, 8, 0, False)),
        (PyTorchConfiguration(), ("pytorch", 1, 1, 0, True)),
        (PyTorchConfiguration("Gloo", 6, 2), ("pytorch", 2, 6, 0, False)),
        (PyTorchConfiguration(node_count=3), ("pytorch", 3, 3, 0, True)),
        (TensorflowConfiguration(3, 2), ("tensorflow", 3, 5, 2, False)),
        (TensorflowConfiguration(2, 0), ("tensorflow", 2, 2, 0, False)),
    ],
)
def test_what_a_configuration_asks_for(distributed: Any, expected: Any) -> None:
    distribution = distribution_of(settings_of(distributed))
    assert distribution is not None
    join, nodes, processes, servers, is_of_nodes = expected
    assert distribution == Distribution(
        join=join, nodes=nodes, processes=processes, servers=servers, is_of_nodes=is_of_nodes
    )


def test_what_v1_sets_in_the_run_configuration() -> None:
    settings = settings_of(PyTorchConfiguration("Nccl", 4, 2))
    assert (settings.framework, settings.communicator) == ("PyTorch", "nccl")
    assert (settings.node_count, settings.pytorch.process_count) == (2, 4)
    settings = settings_of(MpiConfiguration(4, 2))
    assert (settings.framework, settings.communicator) == ("Python", "IntelMpi")
    settings = settings_of(TensorflowConfiguration(3, 1))
    assert (settings.framework, settings.communicator) == ("TensorFlow", "ParameterServer")
    assert settings.node_count == 3


def test_a_configuration_that_says_nothing_has_v1s_word_for_it() -> None:
    assert RunConfiguration().communicator == "None"
    assert distribution_of(RunConfiguration()) is None


def test_a_run_configuration_that_says_it_itself() -> None:
    settings = RunConfiguration(framework="Python", communicator="OpenMpi")
    settings.node_count, settings.mpi.process_count_per_node = 2, 3
    distribution = distribution_of(settings)
    assert distribution is not None
    assert (distribution.join, distribution.processes, distribution.per_node) == ("mpi", 6, 3)
    settings = RunConfiguration()
    assert distribution_of(settings) is None
    settings.node_count = 2
    distribution = distribution_of(settings)
    assert distribution is not None
    assert (distribution.processes, distribution.is_of_nodes) == (2, True)


@pytest.mark.parametrize(
    ("distributed", "message"),
    [
        (PyTorchConfiguration(process_count=2, node_count=3), "process_count=2 is less than"),
        (PyTorchConfiguration(process_count=0), r"process_count=0 is not a whole number"),
        (MpiConfiguration(process_count_per_node="4"), "process_count_per_node='4' is not"),
        (MpiConfiguration(node_count=True), "node_count=True is not"),
        (TensorflowConfiguration(1, -1), "parameter_server_count=-1 is not"),
        (MpiConfiguration(process_count_per_node=1_000_000), "at most 10000"),
    ],
)
def test_numbers_that_no_cluster_could_start(distributed: Any, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        distribution_of(settings_of(distributed))


def test_configurations_that_are_refused() -> None:
    with pytest.raises(RunConfigurationException, match="'Nccl' or 'Gloo'"):
        PyTorchConfiguration("mpi")
    with pytest.raises(RunConfigurationException, match="distributed_job_config=4"):
        settings_of(4)
    with pytest.raises(UserErrorException, match="framework 'PySpark'"):
        distribution_of(RunConfiguration(framework="PySpark"))
    with pytest.raises(UserErrorException, match="communicator 'smoke'"):
        distribution_of(RunConfiguration(communicator="smoke"))


def test_processes_are_numbered_node_by_node() -> None:
    distribution = Distribution(join="pytorch", nodes=3, processes=5)
    processes = rank_by_node(distribution)
    rows = [(p.number, p.node, p.local, p.beside) for p in processes]
    assert rows == [(0, 0, 0, 2), (1, 0, 1, 2), (2, 1, 0, 2), (3, 1, 1, 2), (4, 2, 0, 1)]


def test_one_machine_is_one_node_unless_a_process_stands_for_a_node() -> None:
    processes = rank_here(Distribution(join="mpi", nodes=2, processes=4))
    assert [(p.node, p.local) for p in processes] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    distribution = Distribution(join="pytorch", nodes=2, processes=2, is_of_nodes=True)
    assert [(p.node, p.local) for p in rank_here(distribution)] == [(0, 0), (1, 0)]


def variables(distribution: Distribution, number: int) -> dict[str, str]:
    processes = rank_by_node(distribution)
    addresses = [f"10.0.0.{node + 4}" for node in range(distribution.nodes)]
    ports = [6000 + process.number for process in processes]
    return variables_of(distribution, processes, processes[number], addresses, ports)


def test_the_variables_of_pytorch() -> None:
    values = variables(Distribution(join="pytorch", nodes=2, processes=4), 3)
    assert (
        values.items()
        >= {
            "MASTER_ADDR": "10.0.0.4",
            "MASTER_PORT": "6000",
            "RANK": "3",
            "WORLD_SIZE": "4",
            "LOCAL_RANK": "1",
            "NODE_RANK": "1",
            "AZ_BATCHAI_PYTORCH_INIT_METHOD": "tcp://10.0.0.4:6000",
            "AZ_BATCHAI_TASK_INDEX": "3",
        }.items()
    )


def test_the_variables_of_mpi() -> None:
    values = variables(Distribution(join="mpi", nodes=2, processes=4), 2)
    assert (
        values.items()
        >= {
            "OMPI_COMM_WORLD_RANK": "2",
            "OMPI_COMM_WORLD_SIZE": "4",
            "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
            "AZ_BATCH_MASTER_NODE": "10.0.0.4:6000",
            "AZ_BATCHAI_MPI_MASTER_NODE": "10.0.0.4",
            "AZ_BATCHAI_JOB_MASTER_NODE_IP": "10.0.0.4",
            "AZ_BATCH_HOST_LIST": "10.0.0.4,10.0.0.5",
            "AZ_BATCH_NODE_LIST": "10.0.0.4;10.0.0.5",
            "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false",
        }.items()
    )
    assert "LOCAL_RANK" not in values


def test_the_variables_of_tensorflow() -> None:
    """Each node has a worker before one has a server."""
    distribution = Distribution(join="tensorflow", nodes=2, processes=3, servers=1)
    assert server_numbers(distribution, rank_by_node(distribution)) == [1]
    tasks = [json.loads(variables(distribution, i)["TF_CONFIG"]) for i in range(3)]
    assert [task["task"] for task in tasks] == [
        {"type": "worker", "index": 0},
        {"type": "ps", "index": 0},
        {"type": "worker", "index": 1},
    ]
    cluster = {"worker": ["10.0.0.4:6000", "10.0.0.5:6002"], "ps": ["10.0.0.4:6001"]}
    assert all(task["cluster"] == cluster for task in tasks)
    alone = Distribution(join="tensorflow", nodes=2, processes=2)
    assert "ps" not in json.loads(variables(alone, 0)["TF_CONFIG"])["cluster"]


def test_the_addresses_of_ipv6_are_in_brackets() -> None:
    alone = Distribution(join="pytorch", nodes=1, processes=1)
    [process] = rank_by_node(alone)
    values = variables_of(alone, [process], process, ["fd00::4"], [7])
    assert values["MASTER_ADDR"] == "fd00::4"
    assert values["AZ_BATCH_MASTER_NODE"] == "[fd00::4]:7"
    assert values["AZ_BATCHAI_PYTORCH_INIT_METHOD"] == "tcp://[fd00::4]:7"


def test_ports_are_free_and_below_those_that_systems_assign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = range(FIRST_PORT, FIRST_PORT + PORTS)
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(port in own for port in ports)
    with socket.socket() as taken:
        [port] = free_ports(1)
        taken.bind(("", port))
        monkeypatch.setattr(secrets, "randbelow", lambda count: (port - FIRST_PORT) % count)
        [other] = free_ports(1)
        assert other != port
        assert other in own
        monkeypatch.setattr(processes, "FIRST_PORT", port)
        monkeypatch.setattr(processes, "PORTS", 1)
        with pytest.raises(OSError, match=r"has only 0 free ports from .*, and the run needs 1"):
            free_ports(1)


def test_the_ports_of_other_nodes_follow_the_first() -> None:
    end = FIRST_PORT + PORTS - 1
    assert process_ports(end, 3) == [end, FIRST_PORT, FIRST_PORT + 1]
    assert len(set(process_ports(FIRST_PORT + 7, 10_000))) == 10_000


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"number": 4, "code": 1}', '{"number": -1, "code": 1}',
     '{"number": 1}', '{"number": 1, "code": 1e999}', '{"number": "x", "code": 1}'],
)  # fmt: skip
def test_a_note_that_a_script_has_written_names_nothing(text: str, tmp_path: Path) -> None:
    folder = JobFolder("job", tmp_path)
    folder.processes.mkdir(parents=True)
    assert failure_in(folder, 4) is None
    folder.failure.write_text(text)
    assert failure_in(folder, 4) is None


def test_the_process_that_failed_is_named(tmp_path: Path) -> None:
    folder = JobFolder("job", tmp_path)
    folder.processes.mkdir(parents=True)
    folder.failure.write_text('{"number": 2, "code": -9}')
    failure = failure_in(folder, 4)
    assert failure == Failure(2, -9)
    assert failure.describe(4) == (
        "Process 2 of 4 was ended by the signal SIGKILL, so the others were ended."
    )
    assert Failure(0, 3).describe(1) == "Process 0 of 1 ended with exit code 3."


def test_a_scripts_arguments_name_variables_of_its_process() -> None:
    words = ["--rank", "$RANK", "a-${RANK}_$X$RANK", "$5 ${ RANK} $RANKS ${RANK", "$$RANK"]
    assert launcher.expand(words, {"RANK": "3", "X": ""}) == [
        "--rank", "3", "a-3_3", "$5 ${ RANK} $RANKS ${RANK", "$3",
    ]  # fmt: skip


def test_a_line_without_an_end_takes_no_memory() -> None:
    stream = io.StringIO("x" * 10 * node_messages.MAX_LINE + "\nnext\n\nlast")
    assert [len(line) for line in node_messages.read_lines(stream)] == [
        node_messages.MAX_LINE, 5, 1, 4,
    ]  # fmt: skip
