"""How amlflow calls Slurm's commands. Small programs take their places and note the calls."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from amlflow.exceptions import ComputeTargetException
from amlflow.plugins import open_cluster
from amlflow.spec import START_FAILURE, Cluster, ClusterWork, JobState, Unavailable
from amlflow_slurm import commands
from helpers.slurm_answers import NAME, row


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("amlflow_slurm.cluster.RETRY_S", 0)
    cluster = open_cluster("slurm", {"partition": "main", "options": ["--exclusive"]})
    assert cluster is not None
    return cluster


def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> Path:
    """A command on the PATH that notes how it is called."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    path, calls = folder / name, tmp_path / f"{name}.calls"
    path.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return calls


def test_settings_become_options_of_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake(tmp_path, monkeypatch, "sbatch", "cat > $0.script; env > $0.env")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    for name in (
        "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "OMPI_MCA_ess", "SRUN_DEBUG",
        "AMLFLOW_JOB_IMAGE",
    ):  # fmt: skip
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OMPI_MCA_btl", "self")  # a user's setting
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    cluster = open_cluster(
        "slurm",
        {"partition": "gpu", "account": "a", "qos": "q", "constraint": "a100&nvme", "nodes": 2,
         "cpus": 8, "gpus": "a100:2", "memory": "16G", "time": "1-12:00", "modules": ["cuda/12"],
         "python": "/opt/a b/python", "options": ["--exclusive", "--comment=a b"]},
    )  # fmt: skip
    assert cluster is not None
    work = ClusterWork(
        name=NAME, python="/usr/bin/python3", arguments=["-m", "a"], environment={"S": "secret"}
    )
    cluster.submit([work])
    words = calls.read_text().split()
    expected = (
        f"--job-name={NAME} --export=ALL --requeue --nodes=2 --output=/dev/null --time=1-12:00 "
        "--partition=gpu --account=a --qos=q --constraint=a100&nvme --cpus-per-task=8 "
        "--gres=gpu:a100:2 --mem=16G --exclusive"
    )
    assert set(expected.split()) <= set(words)
    assert "secret" not in calls.read_text()
    script = (tmp_path / "bin" / "sbatch.script").read_text()
    assert "module load cuda/12 ||" in script
    assert script.endswith("exec '/opt/a b/python' -m a\n")
    variables = (tmp_path / "bin" / "sbatch.env").read_text().splitlines()
    assert {"S=secret", "SLURM_CONF=/etc/slurm.conf", "OMPI_MCA_btl=self"} <= set(variables)
    of_job = "SLURM_", "SRUN_", "PMI", "OMPI_", "AMLFLOW_JOB_"
    left = [name for name in variables if name.startswith(of_job)]
    assert sorted(left) == ["OMPI_MCA_btl=self", "SLURM_CONF=/etc/slurm.conf"]


@pytest.mark.parametrize(("modules", "failed"), [(["a", "b/1"], ""), (["a", "absent"], "absent")])
def test_a_module_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: list[str], failed: str
) -> None:
    fake(tmp_path, monkeypatch, "sbatch", "cat > $0.script")
    loaded = fake(tmp_path, monkeypatch, "module", '[ "$2" != absent ]')
    fake(tmp_path, monkeypatch, "agent", f'printf %s "${START_FAILURE}" > $0.failure')
    settings = {"modules": modules, "python": str(tmp_path / "bin" / "agent")}
    cluster = open_cluster("slurm", settings)
    assert cluster is not None
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])
    subprocess.run(["bash", str(tmp_path / "bin" / "sbatch.script")], check=True)
    assert loaded.read_text().splitlines() == [f"load {module}" for module in modules]
    failure = (tmp_path / "bin" / "agent.failure").read_text()
    assert failure.partition(".")[0] == (f"`module load {failed}` failed" if failed else "")


def test_the_scripts_time_is_part_of_the_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    calls = fake(tmp_path, monkeypatch, "sbatch", "true")
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[], max_seconds=61)])
    assert "--time=12" in calls.read_text().split()
    calls.unlink()
    days = 30 * 24 * 60 * 60.0  # v1's default
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[], max_seconds=days)])
    assert "--time" not in calls.read_text()


@pytest.mark.parametrize(
    "message",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "squeue: error: Munge encode failed: Failed to connect to munge.socket: Connection refused",
        "slurm_load_jobs error: Protocol authentication error",
        "slurm_load_jobs error: Zero Bytes were transmitted or received",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "slurm_load_jobs error: Rate limit exceeded, please retry later",
        "slurm_load_jobs error: Controller is in standby mode, try a different controller",
    ],
)
def test_a_controller_that_is_away_is_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster, message: str
) -> None:
    fake(tmp_path, monkeypatch, "squeue", f"echo '{message}' >&2; exit 1")
    with pytest.raises(Unavailable, match="does not answer"):
        cluster.look([NAME])


def test_a_lost_answer_of_sbatch_submits_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    message = "echo 'sbatch: error: Batch job submission failed: Socket timed out' >&2; exit 1"
    calls = fake(tmp_path, monkeypatch, "sbatch", message)
    (tmp_path / "answer").write_text(row("PENDING"))
    fake(tmp_path, monkeypatch, "squeue", f"cat {tmp_path}/answer")
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])
    assert len(calls.read_text().splitlines()) == 1


def test_a_controller_that_is_away_after_a_lost_answer_submits_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    """sbatch's answer is lost, and the first question about the job has no answer either."""
    monkeypatch.setattr("amlflow_slurm.cluster.RETRY_S", 60)
    message = "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1"
    calls = fake(tmp_path, monkeypatch, "sbatch", message)
    (tmp_path / "answer").write_text(row("PENDING"))
    again = tmp_path / "again"
    fake(
        tmp_path, monkeypatch, "squeue",
        f"[ -e {again} ] && exec cat {tmp_path}/answer; touch {again}; {message}",
    )  # fmt: skip
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])
    assert len(calls.read_text().splitlines()) == 1


def test_an_answer_is_shared_by_all_who_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    (tmp_path / "answer").write_text(row("RUNNING"))
    calls = fake(tmp_path, monkeypatch, "squeue", f"cat {tmp_path}/answer")
    for _ in range(20):
        assert cluster.look([NAME])[NAME].state is JobState.RUNNING
    assert len(calls.read_text().splitlines()) == 1
    assert cluster.look([uuid.uuid4().hex]) == {}
    cluster.look([NAME], now=True)
    assert len(calls.read_text().splitlines()) == 2


def test_a_partition_that_slurm_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sinfo prints nothing about it, as about a partition without jobs that squeue is asked for."""
    calls = fake(tmp_path, monkeypatch, "sinfo", "echo '1/2/0/3 main'")
    fake(tmp_path, monkeypatch, "squeue", "true")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cluster = open_cluster("slurm", {"partition": "main,gpu"})
    assert cluster is not None
    for _ in range(2):
        with pytest.raises(ComputeTargetException, match=r"Slurm has no partition 'gpu'; `sinfo"):
            cluster.describe()
    assert len(calls.read_text().splitlines()) == 1


def test_an_answer_is_read_while_another_process_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    """That process holds the lock for up to a minute if Slurm's controller is away."""
    (tmp_path / "answer").write_text(row("RUNNING"))
    fake(tmp_path, monkeypatch, "squeue", f"cat {tmp_path}/answer")
    cluster.look([NAME])

    def wait(path: str) -> None:
        raise AssertionError(path)

    monkeypatch.setattr("amlflow_slurm.kept.FileLock", wait)
    assert cluster.look([NAME])[NAME].state is JobState.RUNNING


@pytest.mark.parametrize("content", ["", "[]", '{"time": 1}', '{"time": "x", "rows": []}', "\0"])
def test_a_kept_answer_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster, content: str
) -> None:
    fake(tmp_path, monkeypatch, "squeue", "true")
    cluster.look([])
    [kept] = (tmp_path / "cache").rglob("slurm-*.json")
    kept.write_text(content)
    assert cluster.look([NAME])[NAME].state is JobState.UNKNOWN


def test_a_machine_without_a_place_to_keep_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    """As a node that does not have the user's home folder. Slurm is not asked more often there."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "answer").write_text(row("RUNNING"))
    calls = fake(tmp_path, monkeypatch, "squeue", f"cat {tmp_path}/answer")
    for _ in range(3):
        assert cluster.look([NAME])[NAME].state is JobState.RUNNING
    assert len(calls.read_text().splitlines()) == 1
    sbatch = fake(tmp_path, monkeypatch, "sbatch", "true")
    fake(tmp_path, monkeypatch, "scontrol", "echo 'MaxArraySize = 1001'")
    cluster.submit(
        [ClusterWork(name=f"{number:032x}", python="p", arguments=[]) for number in range(2)]
    )
    assert len(sbatch.read_text().splitlines()) == 1


def test_a_machine_without_slurm(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ComputeTargetException, match=r"'sbatch' is not on this machine. Submit"):
        cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])


def test_a_command_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    fake(tmp_path, monkeypatch, "squeue", "exec sleep 600")
    monkeypatch.setattr(commands, "LIMIT_S", 0.2)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 seconds\.\n"):
        cluster.look([NAME])


def test_why_a_command_does_not_end(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    """As sbatch, which waits for two minutes if Slurm has as many jobs as it may have."""

    def run(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 60, stderr=b"sbatch: error: queue\n full")

    monkeypatch.setattr(commands.shutil, "which", lambda name: name)
    monkeypatch.setattr(commands.subprocess, "run", run)
    with pytest.raises(Unavailable, match="within 60 seconds; it said: sbatch: error: queue full"):
        cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])


def test_a_job_that_only_checks_is_cancelled_if_the_answer_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    refusal = "echo 'allocation failure: Requested node configuration is not available' >&2"
    lost = "echo 'Socket timed out on send/recv operation' >&2"
    script = f'case "$1" in --test-only) {refusal};; *) {lost};; esac; exit 1'
    sbatch = fake(tmp_path, monkeypatch, "sbatch", script)
    fake(tmp_path, monkeypatch, "sinfo", "echo 1")
    scancel = fake(tmp_path, monkeypatch, "scancel", "true")
    with pytest.raises(Unavailable, match="Socket timed out"):
        cluster.check(ClusterWork(name=NAME, python="p", arguments=[]), "https://mlflow.example")
    check = sbatch.read_text().splitlines()[-1]
    [name] = [word for word in check.split() if word.startswith("--job-name=")]
    assert "--hold" in check
    assert scancel.read_text().split()[0] == f"--name={name.removeprefix('--job-name=')}"


def test_a_signal_for_the_script_does_not_end_an_agent_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    """As with ``--signal=B:USR1@120`` and a time of two minutes."""
    fake(tmp_path, monkeypatch, "sbatch", "cat > $0.script")
    code = "import signal; print(*map(signal.getsignal, (signal.SIGUSR1, signal.SIGUSR2)))"
    cluster.submit([ClusterWork(name=NAME, python=sys.executable, arguments=["-c", code])])
    spread = list(cluster.spread(1, 1))
    for command in (
        ["bash", str(tmp_path / "bin" / "sbatch.script")],
        [*spread[spread.index("sh") :], sys.executable, "-c", code],
    ):
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said == f"{signal.SIG_IGN} {signal.SIG_IGN}\n"


@pytest.mark.parametrize(
    ("nodes", "per_node", "in_job", "in_process"),
    [(1, 1, "4", None), (1, 2, "None", "4"), (2, 1, "None", None), (2, 2, "None", "4")],
)
def test_the_number_of_tasks_reaches_the_processes_only_if_they_are_slurms_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster,
    nodes: int, per_node: int, in_job: str, in_process: str | None,
) -> None:  # fmt: skip
    """Where it is set, PyTorch Lightning takes each process for one of Slurm's tasks."""
    fake(tmp_path, monkeypatch, "sbatch", "cat > $0.script")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    code = "import os; print(os.environ.get('SLURM_NTASKS'))"
    work = ClusterWork(
        name=NAME, python=sys.executable, arguments=["-c", code],
        nodes=nodes, processes_per_node=per_node,
    )  # fmt: skip
    cluster.submit([work])
    spread = list(cluster.spread(nodes, nodes * per_node))
    for command, expected in (
        (["bash", str(tmp_path / "bin" / "sbatch.script")], in_job),
        ([*spread[spread.index("sh") :], sys.executable, "-c", code], in_process),
    ):
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said == f"{expected}\n"


def test_what_a_user_has_set_for_the_commands_hides_no_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    for name in ("SQUEUE_PARTITION", "SCANCEL_INTERACTIVE", "SBATCH_WAIT", "SBATCH_ACCOUNT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SBATCH_CLUSTERS", "other")
    for program in ("squeue", "sbatch"):
        fake(tmp_path, monkeypatch, program, "env | grep -E '^(SQUEUE|SCANCEL|SBATCH)' > $0.env")
    cluster.look([NAME], now=True)
    cluster.submit([ClusterWork(name=NAME, python="p", arguments=[])])
    assert (tmp_path / "bin" / "squeue.env").read_text() == "SBATCH_ACCOUNT=1\n"
    kept = (tmp_path / "bin" / "sbatch.env").read_text().split()
    assert set(kept) == {"SBATCH_ACCOUNT=1", "SQUEUE_PARTITION=1", "SCANCEL_INTERACTIVE=1"}
