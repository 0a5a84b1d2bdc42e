"""How amlflow parses Slurm's answers, and the settings that it accepts. No Slurm is needed."""

from __future__ import annotations

from typing import Any

import pytest
from amlflow.exceptions import ComputeTargetException
from amlflow.plugins import open_cluster
from amlflow.spec import Cluster, ClusterWork, JobState, Partition
from amlflow_slurm import squeue
from amlflow_slurm.nodes import status_of
from amlflow_slurm.settings import read_settings
from helpers.slurm_answers import NAME, row


def job(*lines: str) -> Any:
    return squeue.jobs_of(squeue.rows_of("\n".join(lines)))[NAME]


@pytest.fixture
def cluster() -> Cluster:
    cluster = open_cluster("slurm", {"partition": "main"})
    assert cluster is not None
    return cluster


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("PENDING", JobState.QUEUED),
        ("REQUEUE_HOLD", JobState.QUEUED),
        ("EXPEDITING", JobState.QUEUED),
        ("CONFIGURING", JobState.PREPARING),
        ("RUNNING", JobState.RUNNING),
        ("SUSPENDED", JobState.SUSPENDED),
        ("COMPLETING", JobState.ENDING),
        ("COMPLETED", JobState.COMPLETED),
        ("CANCELLED", JobState.CANCELED),
        ("TIMEOUT", JobState.CANCELED),
        ("FAILED", JobState.FAILED),
        ("NODE_FAIL", JobState.FAILED),
        ("OUT_OF_MEMORY", JobState.FAILED),
        ("A_STATE_OF_TOMORROW", JobState.RUNNING),
    ],
)
def test_a_state_of_slurm(state: str, expected: JobState) -> None:
    assert job(row(state)).state is expected


def test_why_a_job_waits_and_how_many_wait_before_it() -> None:
    other = row("PENDING", Name="1" * 32, priority="200")
    later = row("PENDING", Name="2" * 32, priority="50")
    waiting = job(row("PENDING", reason="Resources", nodes=""), other, later)
    assert (waiting.reason, waiting.before, waiting.nodes) == ("Resources", 1, None)


def test_why_a_job_has_ended() -> None:
    assert "memory" in job(row("OUT_OF_MEMORY")).reason
    assert "time limit" in job(row("TIMEOUT")).reason
    assert "time limit" in job(row("COMPLETING", reason="TimeLimit")).reason
    assert job(row("COMPLETING")).reason is None
    assert job(row("FAILED", reason="NonZeroExitCode", code="768")).exit_code == 3
    assert job(row("FAILED", code="9")).exit_code == 9
    assert job(row("RUNNING")).exit_code is None


@pytest.mark.parametrize(
    ("code", "expected"), [("127:0", 127), ("0:9", 9), ("0:0", 0), ("", None), ("?", None)]
)
def test_an_exit_code_since_slurm_23(code: str, expected: int | None) -> None:
    ended = job(row("FAILED", code=code, nodes="n[1-2]"))
    assert (ended.exit_code, ended.nodes) == (expected, "n[1-2]")


def test_columns_without_a_fixed_width_move_no_other() -> None:
    nodes = ",".join(f"node-{number}-of-the-cluster" for number in range(100))
    first = row("PENDING", code="", nodes="", priority="200", Name="1" * 32)
    waiting = job(row("PENDING", code="", nodes=nodes, restarts="1"), first)
    assert (waiting.before, waiting.nodes, waiting.attempt) == (1, nodes, 2)


def test_the_attempt_counts_from_one() -> None:
    assert job(row("RUNNING", restarts="2")).attempt == 3


def test_of_two_jobs_of_one_name_the_one_that_goes_on_counts() -> None:
    lines = row("COMPLETED"), row("RUNNING", id="8")
    assert job(*lines).id == job(*reversed(lines)).id == "8"


def test_jobs_that_are_not_amlflows_are_left_out() -> None:
    assert squeue.rows_of(row("RUNNING", Name="train.sh") + "\nslurm_load_jobs error") == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"partitions": "gpu"}, "has no setting 'partitions'; it has 'partition'"),
        ({"partition": "gpu --wrap=x"}, "partition: 'gpu --wrap=x'; it is a word"),
        ({"account": "-x"}, "account: '-x'; it is a word"),
        ({"nodes": 0}, "nodes: 0; it is a whole number above 0"),
        ({"cpus": True}, "cpus: True; it is a whole number"),
        ({"gpus": "many"}, "gpus: 'many'; it is a whole number above 0, or a type"),
        ({"memory": "lots"}, "memory: 'lots'; it is a number of megabytes"),
        ({"time": "soon"}, "time: 'soon'; it is minutes"),
        ({"modules": "cuda"}, "modules: 'cuda'; it is a list"),
        ({"modules": ["cuda; rm -r /"]}, "modules: 'cuda; rm -r /'; it is a word"),
        ({"options": ["-x"]}, "options: .* it is a list of sbatch's long options"),
        ({"options": ["--job-name=x"]}, "'--job-name', which amlflow sets itself"),
        ({"options": ["--arr=0-3"]}, "'--arr', which amlflow sets itself"),
        ({"options": ["--wrap=true"]}, "'--wrap', with which Slurm would not run"),
        ({"options": ["--hold", "--test-on"]}, "'--test-on', with which Slurm would not run"),
        ({"python": ""}, "python: ''; it is a path"),
        ({"image": "-x"}, "image: '-x'; it is the path or the name of a container image"),
        ({"image": "a\nb"}, "it is the path or the name of a container image"),
        ({"containers": "docker"}, "containers: 'docker'; it is 'apptainer', 'singularity' or"),
        (
            {"image": "/a.sif", "options": ["--signal=B:TERM@60"]},
            r"cannot ask Slurm whether a SIGTERM .* such as '--signal=B:USR1@120'",
        ),
    ],
)
def test_a_setting_that_is_wrong(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ComputeTargetException, match=message):
        open_cluster("slurm", settings)


def test_options_whose_names_begin_like_others() -> None:
    options = ["--wait-all-nodes=1", "--exclusive", "--comment=x", "--use-min-nodes"]
    assert open_cluster("slurm", {"options": options}) is not None


def test_what_a_job_cannot_take(cluster: Cluster) -> None:
    def check(**values: Any) -> None:
        fields: dict[str, Any] = {"name": NAME, "python": "p", "arguments": [], **values}
        cluster.check(ClusterWork(**fields), "https://mlflow.example")

    with pytest.raises(ComputeTargetException, match="image 'ubuntu' is not used"):
        check(image="ubuntu")
    with pytest.raises(ComputeTargetException, match="'BIG' has 200000 bytes"):
        check(environment={"BIG": "x" * 200_000})


ARGUMENTS = ["-m", "amlflow.jobs.agent"]


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({}, ["/own/python", *ARGUMENTS]),
        ({"image": "/a b.sif"}, ["apptainer", "exec", "/a b.sif", "python3", *ARGUMENTS]),
        (
            {"image": "docker://a/b", "containers": "singularity", "gpus": 1, "python": "/py"},
            ["singularity", "exec", "--nv", "docker://a/b", "/py", *ARGUMENTS],
        ),
        ({"image": "a#b", "containers": "pyxis", "gpus": 1}, ["python3", *ARGUMENTS]),
    ],
)
def test_how_the_agent_starts_in_an_image(settings: dict[str, Any], command: list[str]) -> None:
    read = read_settings(settings)
    assert read.agent_command("/own/python", ARGUMENTS) == command
    is_pyxis = settings.get("containers") == "pyxis"
    assert ("--container-image=a#b" in read.to_options()) == is_pyxis


@pytest.mark.parametrize(
    ("option", "asks"),
    [
        ("--signal=B:TERM@60", True),
        ("--signal=RB:SIGTERM", True),
        ("--sig=B:15@5", True),
        ("--signal=TERM@60", False),
        ("--signal=B:USR1@60", False),
        ("--comment=B:TERM", False),
    ],
)
def test_options_that_ask_for_sigterm(option: str, asks: bool) -> None:
    assert read_settings({"options": [option]}).asks_for_sigterm == asks


def test_what_nodes_and_queue_do() -> None:
    nodes = "1/2/0/3 main\n0/1/1/2 main\n2/0/0/2 a long name\nnonsense\n"
    jobs = f"PENDING {NAME}\nRUNNING {NAME}\nPENDING other\nPENDING a | b\nCOMPLETING x\n"
    status = status_of(nodes, jobs)
    assert list(status.partitions) == [
        Partition(name="main", in_use=1, idle=3, away=1),
        Partition(name="a long name", in_use=2, idle=0),
    ]
    assert (status.running, status.waiting) == (1, 1)
    assert (status.others_running, status.others_waiting) == (1, 2)
