"""Scripts that run as jobs of a real Slurm, and log to a real server."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from amlflow.core.runs.run import Run
from azureml.core import Experiment, Workspace
from azureml.core.runconfig import MpiConfiguration, PyTorchConfiguration
from azureml.exceptions import ComputeTargetException
from helpers.distributed_scripts import JOINED, SUM, process_log
from helpers.slurm_jobs import (
    check_no_folder_is_left,
    job_of,
    slurm_says,
    start_again,
    submit,
    submit_and_be_killed,
)
from helpers.submitted_jobs import (
    SOON,
    error_of,
    log_of,
    until,
    wait_for_end,
)
from helpers.tools import need


@pytest.fixture
def experiment(slurm_experiment: Any) -> Any:
    return slurm_experiment


def test_a_script_is_a_job_of_the_cluster(experiment: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        """
        import os, pathlib, sys
        from azureml.core import Run
        run = Run.get_context()
        for value in range(200):
            run.log("loss", value)
        names = [name for name in os.environ if name.startswith("AMLFLOW_CLUSTER")]
        print(sys.argv[1:], os.environ["AMLFLOW_ATTEMPT"], names)
        print("job", os.environ["SLURM_JOB_ID"], "GPU", os.environ["CUDA_VISIBLE_DEVICES"])
        pathlib.Path("outputs/model.txt").write_text("weights")
        """,
        target="one-gpu",
        arguments=["--rate", 0.5, "a b"],
    )
    assert list(jobs.iterdir()) == [], "the submitter's machine keeps something of the job"
    assert wait_for_end(run) == "Completed"
    assert "['--rate', '0.5', 'a b'] 1 []" in log_of(run)
    assert f"job {job_of(run)[0]} GPU 0" in log_of(run)
    assert run.get_metrics("loss")["loss"] == list(range(200))
    assert run.get_file_names() == ["outputs/model.txt", "user_logs/std_log.txt"]
    details = run.get_details()
    assert details["target"] == "one-gpu"
    assert details["properties"]["_azureml.ComputeTargetType"] == "slurm"
    assert details["startTimeUtc"] < details["endTimeUtc"]


def test_a_script_that_fails(experiment: Any) -> None:
    run = submit(experiment, "print('before'); raise ValueError('no such data')")
    assert wait_for_end(run) == "Failed"
    assert "exit code 1" in error_of(run)
    assert "ValueError: no such data" in error_of(run)
    until(lambda: job_of(run)[1] == "FAILED", what="Slurm sees it, too")


def test_a_node_that_cannot_load_a_module(experiment: Any, tmp_path: Path) -> None:
    run = submit(experiment, f"open({str(tmp_path / 'note')!r}, 'w')", "no-module")
    assert wait_for_end(run) == "Failed"
    assert "is not ready for the job: `module load absent/1` failed." in error_of(run)
    assert not (tmp_path / "note").exists(), "the script has run"
    until(lambda: job_of(run)[1] == "FAILED")


def test_a_job_that_waits_says_for_what_and_is_cancelled(experiment: Any) -> None:
    run = submit(experiment, "print(1)", target="held")
    until(lambda: "JobHeldUser" in str(run.get_detailed_status()["details"]))
    assert run.get_details()["statusDetails"] == "waiting: JobHeldUser"
    assert run.get_status() == "Queued"
    run.cancel()
    assert run.get_status() == "Canceled"
    until(lambda: job_of(run)[1] == "CANCELLED")


def test_a_script_that_runs_is_cancelled_with_all_its_processes(
    experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pids"
    run = submit(
        experiment,
        f"""
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        with open({str(note)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(600)
        """,
    )
    until(lambda: note.exists() and len(note.read_text().splitlines()) == 2)
    assert run.get_status() == "Running"
    with monkeypatch.context() as colleague:  # squeue and scancel are asked for this user's jobs
        colleague.setattr("os.getuid", lambda: 65534)
        Run(experiment, run.id)._open_cluster().look([], now=True)
        assert Run(experiment, run.id).get_status() == "Running"
    Run(experiment, run.id).cancel()
    assert wait_for_end(run) == "Canceled"
    assert not any(psutil.pid_exists(int(pid)) for pid in note.read_text().split())
    until(lambda: job_of(run)[1] == "COMPLETED", what="the job leaves the queue")


@pytest.mark.parametrize(
    ("nodes", "name"), [(None, "USR1"), (1, "USR1"), (2, "USR1"), (None, "TERM"), (2, "TERM")]
)
def test_a_signal_that_the_user_has_asked_for(
    experiment: Any, nodes: int | None, name: str
) -> None:
    """As with ``--signal=B:USR1@120``: each process gets it, and may go on."""
    code = f"""
        import signal, time
        got = []
        signal.signal(signal.SIG{name}, lambda number, frame: got.append(number))
        print("ready", flush=True)
        deadline = time.monotonic() + 60
        while not got and time.monotonic() < deadline:
            time.sleep(0.02)
        print("got", got)
        """
    two = None if nodes is None else PyTorchConfiguration("Gloo", 2, nodes)
    target = "warned" if name == "TERM" else "gpu-cluster"
    run = submit(experiment, code, target, distributed_job_config=two)

    def logs() -> list[str]:
        return [log_of(run)] if two is None else [process_log(run, number) for number in range(2)]

    count = len(logs())
    until(lambda: logs() == ["ready\n"] * count)
    slurm_says("scancel", "--batch", f"--signal={name}", job_of(run)[0])
    assert wait_for_end(run) == "Completed", error_of(run)
    assert logs() == [f"ready\ngot [{signal.Signals[f'SIG{name}']}]\n"] * count


@pytest.mark.parametrize("target", ["gpu-cluster", "warned"])
def test_a_job_that_somebody_else_cancels(experiment: Any, target: str) -> None:
    run = submit(experiment, "import time; print('there', flush=True); time.sleep(600)", target)
    until(lambda: "there" in log_of(run))
    job_id = job_of(run)[0]
    slurm_says("scancel", job_id)
    assert wait_for_end(run) == "Canceled"
    assert f"scancel does. (job {job_id} of the cluster)" in error_of(run)
    assert "there" in log_of(run)


def test_a_job_that_is_put_back_runs_again(experiment: Any, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    run = submit(
        experiment,
        f"""
        import os, time
        from azureml.core import Run
        attempt = int(os.environ["AMLFLOW_ATTEMPT"])
        Run.get_context().log("attempt", attempt)
        Run.get_context().flush()
        print("attempt", attempt, os.listdir("outputs"), flush=True)
        open(f"outputs/state{{attempt}}", "w").write("x")
        open({str(note)!r}, "a").write(f"{{attempt}}\\n")
        time.sleep(600 if attempt == 1 else 0)
        """,
        environment_variables={"AMLFLOW_RESTORE_OUTPUTS": "1"},
    )
    until(note.exists, 4 * SOON)
    slurm_says("scontrol", "requeue", job_of(run)[0])
    until(lambda: run.get_status() == "Queued")
    until(lambda: "(attempt 2)" in str(run.get_detailed_status()["details"]))
    start_again(run)
    assert wait_for_end(run, 300) == "Completed"
    assert note.read_text().split() == ["1", "2"]
    assert run.get_metrics()["attempt"] == [1, 2]
    assert "attempt 2 ['state1']" in log_of(run)
    assert run.get_file_names() == [
        "outputs/state1",
        "outputs/state2",
        "user_logs/std_log.txt",
        "user_logs/std_log_attempt_1.txt",
    ]


def test_an_agent_that_is_killed(experiment: Any) -> None:
    run = submit(experiment, "import time; print('there', flush=True); time.sleep(600)")
    until(lambda: "there" in log_of(run))
    slurm_says("scancel", "--signal=KILL", "--batch", job_of(run)[0])
    assert wait_for_end(run) == "Failed"
    assert "agent ended" in error_of(run)


def test_what_is_refused_before_there_is_a_run(
    experiment: Any, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ComputeTargetException, match=r"[Ii]nvalid partition"):
        submit(experiment, "print(1)", target="nowhere")
    assert list(experiment.get_runs()) == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    local = Experiment(Workspace("sub", "group", "workspace"), "local")
    with pytest.raises(ComputeTargetException, match=r"the nodes of .* cannot reach it"):
        submit(local, "print(1)")
    assert list(local.get_runs()) == []


def test_a_submitter_that_is_killed_leaves_a_job_that_runs(experiment: Any) -> None:
    run = submit_and_be_killed(experiment, "starting.remove")
    assert wait_for_end(run) == "Completed"
    assert "alone" in log_of(run)


def test_a_submitter_that_is_killed_before_the_cluster_has_the_job(experiment: Any) -> None:
    run = submit_and_be_killed(experiment, "SlurmCluster.submit")
    with pytest.raises(Exception, match="before the cluster had the job"):
        run.wait_for_completion()
    assert os.listdir(os.environ["AMLFLOW_JOBS"]) == []


def test_a_job_is_submitted_from_within_a_job(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import os
        from azureml.core import Run, ScriptRunConfig
        os.makedirs("inner", exist_ok=True)
        open("inner/script.py", "w").write("import os; print('inner', os.environ['SLURM_JOB_ID'])")
        open("compute.yaml", "w")
        os.makedirs(".azureml", exist_ok=True)
        open(".azureml/compute.yaml", "w").write("deep: {kind: slurm, partition: main}")
        run = Run.get_context()
        child = run.submit_child(ScriptRunConfig("inner", "script.py", compute_target="deep"))
        child.wait_for_completion()
        print("outer", os.environ["SLURM_JOB_ID"])
        """,
    )
    assert wait_for_end(run) == "Completed", error_of(run)
    [child] = run.get_children()
    inner, outer = log_of(child).split()[-1], log_of(run).split()[-1]
    assert inner != outer


def test_processes_of_several_nodes(experiment: Any) -> None:
    run = submit(
        experiment, JOINED, distributed_job_config=PyTorchConfiguration("Gloo", 3, node_count=2)
    )
    assert wait_for_end(run, 2 * SOON) == "Completed", error_of(run)
    assert "joined by [1, 2]" in log_of(run)
    for rank, place in enumerate(("0 0", "0 1", "1 0")):
        assert f"process {rank} on {place}" in process_log(run, rank)
        assert run.get_metrics(f"loss of {rank}")[f"loss of {rank}"] == list(range(50))
    assert sorted(run.get_metrics("rank")["rank"]) == [0, 1, 2]
    outputs = [name for name in run.get_file_names() if name.startswith("outputs")]
    assert outputs == [f"outputs/{rank}.txt" for rank in range(3)]
    check_no_folder_is_left(run)


def test_mpi_on_several_nodes(experiment: Any) -> None:
    need("mpiexec")
    run = submit(experiment, SUM, distributed_job_config=MpiConfiguration(2, node_count=2))
    assert wait_for_end(run, 2 * SOON) == "Completed", error_of(run)
    for rank in range(4):
        assert f"{rank} of 4: 6, {rank}" in process_log(run, rank)


@pytest.mark.parametrize("end", ["kill", "cancel"])
def test_the_end_of_processes_on_several_nodes(experiment: Any, tmp_path: Path, end: str) -> None:
    note = tmp_path / "pids"
    run = submit(
        experiment,
        f"""
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        is_child = os.fork() == 0
        if is_child:
            os.setsid()
        with open({str(note)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        while is_child:
            time.sleep(600)
        while len(open({str(note)!r}).read().split()) < 8:
            time.sleep(0.05)
        print("all are there", flush=True)
        if os.environ["RANK"] == "3" and {end!r} == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
        """,
        distributed_job_config=PyTorchConfiguration(process_count=4, node_count=2),
    )
    if end == "cancel":
        until(lambda: "all are there" in process_log(run, 3))
        run.cancel()
        assert wait_for_end(run) == "Canceled"
    else:
        assert wait_for_end(run, 2 * SOON) == "Failed"
        assert "Process 3 of 4 was ended by the signal SIGKILL, so the others" in error_of(run)
        assert "(user_logs/std_log_process_3.txt):\nall are there" in error_of(run)
    assert not any(psutil.pid_exists(int(pid)) for pid in note.read_text().split())
    assert "all are there" in process_log(run, 0)
    check_no_folder_is_left(run)


APPTAINER = """#!{python}
import os, signal, subprocess, sys
names = "PYTHONPATH", "PYTHONHOME", "APPTAINER_CLEANENV", "PYTHONNOUSERSITE", "AMLFLOW_JOB_IMAGE"
with open({calls!r}, "a") as calls:
    print(*sys.argv[1:], [os.environ.get(name) for name in names], file=calls)
command = sys.argv[5 if sys.argv[2] == "--bind" else 3:]
# The programs in the image are those of this machine, but Slurm's are not there.
child = subprocess.Popen(command, env=dict(os.environ, PATH={folder!r}))
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, frame: child.send_signal(number))
sys.exit(child.wait())
"""
"""A program in place of Apptainer, which Debian 12 does not have.

As Apptainer does, it passes signals on, but not SIGURG.
"""


@pytest.fixture
def calls(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the calls of Apptainer, which the target ``in-image`` runs."""
    calls, program = tmp_path / "calls", tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    values = {"python": sys.executable, "calls": str(calls), "folder": str(program.parent)}
    program.write_text(APPTAINER.format(**values))
    program.chmod(0o755)
    (program.parent / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name in ("PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, "/of/another/python")
    monkeypatch.setenv("APPTAINER_CLEANENV", "1")
    target = {"kind": "slurm", "image": "/images/amlflow.sif", "python": sys.executable}
    (folder / ".azureml" / "compute.yaml").write_text(f"in-image: {json.dumps(target)}\n")
    return calls


def test_a_job_in_an_image(experiment: Any, calls: Path) -> None:
    run = submit(
        experiment,
        """
        import signal, time
        signal.signal(signal.SIGUSR1, lambda *_: print("saved", flush=True))
        print("there", flush=True)
        while True:
            time.sleep(0.1)
        """,
        "in-image",
    )
    until(lambda: "there" in log_of(run))
    signal_script = "scancel", "--batch", "--signal=USR1", job_of(run)[0]
    until(lambda: slurm_says(*signal_script) or "saved" in log_of(run))
    run.cancel()  # no nudge reaches the agent in the container
    assert wait_for_end(run) == "Canceled"
    command = f"exec /images/amlflow.sif {sys.executable} -m amlflow.jobs.agent --cluster"
    assert calls.read_text() == f"{command} [None, None, None, '1', '/images/amlflow.sif']\n"
    check_no_folder_is_left(run)


def test_a_job_of_two_nodes_in_an_image(experiment: Any, calls: Path) -> None:
    run = submit(
        experiment,
        """
        import os, signal, sys
        from azureml.core import Run

        signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit("told"))
        Run.get_context().log("rank", int(os.environ["RANK"]))
        print(os.environ["MASTER_ADDR"], os.environ["SLURMD_NODENAME"], flush=True)
        signal.pause()
        """,
        "in-image",
        distributed_job_config=PyTorchConfiguration(process_count=2, node_count=2),
    )
    until(lambda: "127.0.0.1 n" in process_log(run, 0) and "127.0.0.1 n" in process_log(run, 1))
    first, *others = calls.read_text().splitlines()
    folder = Path(first.split()[2])
    assert folder.is_dir()
    slurm_says("scancel", "--batch", "--signal=USR1", job_of(run)[0])
    assert wait_for_end(run) == "Failed"
    assert "told" in error_of(run)
    assert sorted(run.get_metrics()["rank"]) == [0, 1]
    agent = f"{sys.executable} -m amlflow.jobs.agent"
    variables = "[None, None, None, '1', '/images/amlflow.sif']"
    assert first == f"exec --bind {folder} /images/amlflow.sif {agent} --cluster {variables}"
    assert others == [f"exec /images/amlflow.sif {agent} --process {variables}"] * 2
    until(lambda: job_of(run)[1] == "FAILED")
    assert not folder.exists()
    check_no_folder_is_left(run)
