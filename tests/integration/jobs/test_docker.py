"""Runs in containers, on a real Docker daemon."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
from amlflow.plugins import open_compute
from amlflow_docker.images import DockerImages
from amlflow_docker.settings import parse_settings
from azureml.core import Environment, RunConfiguration, ScriptRunConfig
from azureml.core.runconfig import DockerConfiguration, PyTorchConfiguration
from azureml.exceptions import ComputeTargetException
from helpers.distributed_scripts import process_log
from helpers.submitted_jobs import error_of, kill_agent, log_of, script, submit, until, wait_for_end


@pytest.fixture
def image(docker_image: str) -> Environment:
    return Environment.from_docker_image("debian", docker_image)


@pytest.fixture
def target(experiment: Any, docker_host: str) -> str:
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("box:\n  kind: docker\n")
    return "box"


def configured(settings: str) -> None:
    Path(".azureml/compute.yaml").write_text(f"box:\n  kind: docker\n{settings}")


def container(run: Any) -> Any:
    """The run's container, if there is one; other tests use the daemon, too."""
    name = "amlflow-" + json.loads(run._reload().system["job"])["name"]
    found = docker.from_env().containers.list(all=True, filters={"name": name}, ignore_removed=True)
    return next(iter(found), None)


def running(run: Any) -> Any:
    """The run's container, which runs."""
    until(lambda: run.get_status() == "Running" and container(run))
    found = container(run)
    until(lambda: found.reload() or found.status == "running")
    return found


def test_a_script_in_a_container(experiment: Any, target: str, image: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        """
        import os, pathlib, sys
        print(sys.argv[1:], pathlib.Path("/etc/debian_version").exists())
        print(os.getuid(), os.getgid(), os.environ["AZUREML_RUN_ID"])
        print(sorted(os.listdir("/sys/class/net")))
        pathlib.Path("outputs/made.txt").write_text("inside")
        """,
        compute_target=target,
        environment=image,
        arguments=["a b", 1],
    )
    assert run.wait_for_completion()["status"] == "Completed"
    assert log_of(run).splitlines() == [
        "['a b', '1'] True",
        f"{os.getuid()} {os.getgid()} {run.id}",
        "['lo']",
    ]
    assert "outputs/made.txt" in run.get_file_names()
    assert run.get_details()["target"] == "box"
    until(lambda: not list(jobs.iterdir()))
    assert container(run) is None


def test_use_docker_on_the_local_target(experiment: Any, docker_host: str, image: Any) -> None:
    config = RunConfiguration()
    config.environment = image
    config.docker = DockerConfiguration(use_docker=True, arguments=["--cpus", "1"], shm_size="16m")
    code = "import os, shutil; print(os.getpid() < 50, shutil.disk_usage('/dev/shm').total)"
    run = submit(experiment, code, run_config=config)
    assert wait_for_end(run) == "Completed", run.get_details()
    assert log_of(run).split() == ["True", str(16 << 20)]
    assert run.get_details()["target"] == "local"


def test_cancel(experiment: Any, target: str, image: Any) -> None:
    run = submit(
        experiment,
        """
        import os, pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        print("begun")
        pathlib.Path("logs/ready").touch()
        time.sleep(600)
        """,
        compute_target=target,
        environment=image,
    )
    until(lambda: "logs/ready" in run.get_file_names())
    assert container(run) is not None
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    assert container(run) is None
    assert log_of(run).startswith("begun")


@pytest.mark.parametrize(
    ("distributed", "beginning"),
    [
        (None, "The container ran out of memory"),
        (PyTorchConfiguration(process_count=2), "Process 0 of 2 was ended by the signal SIGKILL"),
    ],
)
def test_out_of_memory(
    experiment: Any, target: str, image: Any, distributed: Any, beginning: str
) -> None:
    configured("  memory: 48m\n")
    run = submit(
        experiment,
        """
        import os, time
        print('eats', flush=True)
        time.sleep(600 if os.environ.get("RANK") == "1" else 0)
        x = bytearray(400 << 20)
        """,
        compute_target=target,
        environment=image,
        distributed_job_config=distributed,
    )
    assert wait_for_end(run) == "Failed"
    assert error_of(run).startswith(beginning)
    assert "out of memory" in error_of(run)
    assert "48m" in error_of(run)


def test_its_standard_error_is_the_reason(experiment: Any, target: str, image: Any) -> None:
    code = "import os; os.write(2, b'the reason\\n'); os.write(1, b'x\\n' * 50); exit(3)"
    run = submit(experiment, code, compute_target=target, environment=image)
    assert wait_for_end(run) == "Failed"
    assert error_of(run).endswith("up to the end of its standard error:\nthe reason")


def test_a_container_that_is_killed(experiment: Any, target: str, image: Any) -> None:
    run = submit(
        experiment, "import time; time.sleep(600)", compute_target=target, environment=image
    )
    running(run).kill()
    assert wait_for_end(run) == "Failed"
    assert "container was killed" in error_of(run)
    again = submit(
        experiment, "import time; time.sleep(600)", compute_target=target, environment=image
    )
    running(again).remove(force=True)
    assert wait_for_end(again) == "Failed"
    assert "container was killed" in error_of(again)


def test_a_killed_agents_container_ends(
    experiment: Any, target: str, image: Any, jobs: Path
) -> None:
    run = submit(
        experiment, "import time; time.sleep(600)", compute_target=target, environment=image
    )
    running(run)
    kill_agent(jobs)
    # A look removes nothing. A command of the submitter removes the container.
    run.wait_for_completion(raise_on_error=False)
    assert run.status == "Failed"
    assert container(run) is None


def test_a_database_is_reached_at_its_own_path(
    experiment: Any, target: str, image: Any, sqlite_uri: str
) -> None:
    path = sqlite_uri[len("sqlite:///") :]
    assert sqlite3.connect(path)
    run = submit(
        experiment,
        "import os; print(os.path.exists(os.environ['MLFLOW_TRACKING_URI'][len('sqlite:///'):]))",
        compute_target=target,
        environment=image,
    )
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "True\n"


def test_what_a_container_is_given(
    experiment: Any, target: str, image: Any, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "x").write_text("read me")
    configured(
        f"  cpus: 0.5\n  memory: 64m\n  network: host\n  volumes: ['{data}:/data:ro']\n"
        "  max_runs: 1\n"
    )
    run = submit(
        experiment,
        """
        import pathlib, time
        print(pathlib.Path("/data/x").read_text())
        while not pathlib.Path("logs/go").exists():
            time.sleep(0.05)
        """,
        compute_target=target,
        environment=image,
    )
    host = running(run).attrs["HostConfig"]
    assert host["NanoCpus"] == 500_000_000
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert host["NetworkMode"] == "host"
    [work] = Path(os.environ["AMLFLOW_JOBS"]).glob("*/work")
    (work / "logs" / "go").touch()
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "read me\n"


def test_gpus_are_asked_for(experiment: Any, target: str, image: Any) -> None:
    from amlflow.spec import Work
    from amlflow_docker.compute import DockerCompute
    from amlflow_docker.settings import parse_settings

    work = Work(name="x", command=["x"], is_script=False, folder=Path("/w"), output=Path("/o"))
    for stated, count in (("all", -1), (2, 2)):
        [asked] = DockerCompute(parse_settings({"gpus": stated}))._options(work, Path("/e"))[
            "device_requests"
        ]
        assert (asked.count, asked.capabilities) == (count, [["gpu"]])
    configured("  gpus: all\n")
    run = submit(experiment, "pass", compute_target=target, environment=image)
    assert wait_for_end(run) == "Failed"  # there is none here, and Docker's message says so
    assert "could not be started" in error_of(run)


@pytest.mark.parametrize(
    ("host", "said"),
    [("unix:///nowhere/docker.sock", "systemctl start docker"), ("tcp://127.0.0.1:9", "Start it")],
)
def test_without_a_daemon(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch, host: str, said: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    script("pass")
    config = ScriptRunConfig(
        "src",
        script="script.py",
        environment=Environment.from_docker_image("e", "an/image"),
        docker_runtime_config=DockerConfiguration(use_docker=True),
    )
    with pytest.raises(ComputeTargetException) as caught:
        experiment.submit(config)
    assert "No Docker daemon answers" in caught.value.message
    assert said in caught.value.message
    assert list(experiment.get_runs()) == []
    assert not list(jobs.glob("*"))


def test_without_an_image(experiment: Any, target: str) -> None:
    script("pass")
    for environment, said in (
        (None, "No container image is named"),
        (Environment.from_docker_image("e", "nowhere.invalid/image:1"), "cannot be pulled"),
    ):
        config = ScriptRunConfig(
            "src", script="script.py", compute_target=target, environment=environment
        )
        with pytest.raises(ComputeTargetException, match=said):
            experiment.submit(config)
    assert list(experiment.get_runs()) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"colour": "red"},
        {"gpus": "some"},
        {"cpus": "many"},
        {"volumes": "/data"},
        {"volumes": ["/data"]},
        {"volumes": ["/data:relative"]},
        {"memory": "lots"},
        {"shm_size": "1 g"},
        {"arguments": ["--privileged"]},
        {"arguments": ["--cpus"]},
    ],
)
def test_settings_that_are_none(settings: dict[str, Any]) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        open_compute("docker", settings)
    assert str(next(iter(settings))).rstrip("s") in caught.value.message.replace(
        "docker argument", "arguments"
    )


def test_several_processes_in_a_container(experiment: Any, target: str, image: Any) -> None:
    run = submit(
        experiment,
        "import os; print('process', os.environ['RANK'], 'of', os.environ['WORLD_SIZE'])",
        environment=image,
        compute_target=target,
        distributed_job_config=PyTorchConfiguration(process_count=2),
    )
    assert wait_for_end(run) == "Completed", error_of(run)
    for rank in range(2):
        assert process_log(run, rank).strip() == f"process {rank} of 2"


def test_a_script_cannot_change_what_all_scripts_import(
    experiment: Any, target: str, docker_image: str
) -> None:
    """Work: read_only names those of them that other scripts use too; a target that can do so keeps
    the script from writing there."""
    code = """
        import os, pathlib
        from azureml.core import Run

        room = pathlib.Path(os.environ["AMLFLOW_ROOM"])
        for path in (room / "own.py", room / "amlflow" / "__init__.py"):
            try:
                path.write_text("")
            except OSError as error:
                print(error.strerror)
        print((room / "amlflow" / "__pycache__").is_dir(), os.access("/tmp", os.W_OK))
    """
    environment = Environment.from_docker_image("plain", docker_image)
    run = submit(experiment, code, compute_target=target, environment=environment)
    assert wait_for_end(run) == "Completed", (run.get_details(), log_of(run))
    assert log_of(run) == "Read-only file system\n" * 2 + "True True\n"


def test_two_users_of_a_daemon_make_one_image(docker_image: str, tmp_path: Path) -> None:
    """Each has a folder of its own for environments, so no lock keeps them apart."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(os.urandom(8 << 20))
    images, name = DockerImages(parse_settings({})), uuid.uuid4().hex
    both = threading.Barrier(2)

    def add(number: int) -> str:
        both.wait()
        return images.add(docker_image, name, tmp_path / "root", {}, {"number": str(number)})

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(add, range(2)))
    found = images.find(name)
    assert found is not None
    assert found[0] in made
    for image in made:
        docker.from_env().images.remove(image)
