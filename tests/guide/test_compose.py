"""The team's server: compose.yaml and the blocks of docs/server.md, with a real Docker daemon."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from blocks import block
from helpers import docker_daemon, images, servers
from helpers.tools import need
from test_guide import SCRIPT, check_printed

ROOT = Path(__file__).parents[2]
START, BACKUP = block("server-start"), block("server-backup")
RESTORE, UPGRADE = block("server-restore"), block("server-upgrade")
ADDRESS = "http://127.0.0.1:5000"


class Stack:
    """The stack of a copy of this checkout, driven by the lines of docs/server.md."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemon: subprocess.Popen[bytes] | None = None
        for name in ("adapter", "plugins", "compose"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".env*")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE", ".dockerignore"):
            shutil.copy(ROOT / name, folder)
        tools = folder / "tools"
        tools.mkdir()
        # What docs/server.md calls `docker compose` is docker-compose in Debian.
        docker = need("docker")
        (tools / "docker").write_text(
            f'#!/bin/sh\n[ "$1" = compose ] || exec {docker} "$@"\n'
            f'shift\nexec {need("docker-compose")} "$@"\n'
        )
        (tools / "docker").chmod(0o755)
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "COMPOSE_FILE": "compose/compose.yaml",
            "HOME": str(folder),
        }

    def do(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run lines of docs/server.md as they stand."""
        done = subprocess.run(
            ["bash", "-euc", script], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def start_daemon(self) -> None:
        # A short path: containerd's socket is in it, whose name may have 107 characters.
        self.place = Path(tempfile.mkdtemp(prefix="amlflow-"))
        address, self.daemon = docker_daemon.start_networked(self.place)
        self.environment["DOCKER_HOST"] = address
        compose = (ROOT / "compose" / "compose.yaml").read_text()
        dockerfile = (ROOT / "compose" / "Dockerfile").read_text()
        names = {
            "python": re.findall(r"PYTHON_IMAGE=(\S+)", dockerfile)[0],
            "postgres": re.findall(r"image: (postgres:\S+)", compose)[0],
            "storage": re.findall(r"image: (\S+/versitygw:\S+)", compose)[0],
        }
        images.build(address, self.place, names)

    def set(self, **values: str) -> None:
        """Change settings in compose/.env."""
        path = self.folder / "compose" / ".env"
        kept = [
            line for line in path.read_text().splitlines() if line.partition("=")[0] not in values
        ]
        path.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in values.items())]))

    def setting(self, name: str) -> str:
        text = (self.folder / "compose" / ".env").read_text()
        [value] = re.findall(rf"^{name}=(.*)$", text, re.M)
        return str(value)

    def inside(self, *command: str) -> list[str]:
        """A command that is run where what the daemon publishes is reached."""
        assert self.daemon is not None
        return [need("nsenter"), f"--net=/proc/{self.daemon.pid}/ns/net", *command]

    def python(self, code: str, **environment: str) -> str:
        """What an amlflow client of the server prints."""
        done = subprocess.run(
            self.inside(sys.executable, "-c", code), cwd=self.folder, capture_output=True,
            env=servers.clean_environment(MLFLOW_TRACKING_URI=ADDRESS, **environment), text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def container(self, service: str) -> dict[str, object]:
        found = subprocess.run(
            ["docker", "inspect", f"amlflow_{service}_1"], capture_output=True, check=True,
            env={**self.environment, "PATH": os.environ["PATH"]},
        )  # fmt: skip
        [state] = json.loads(found.stdout)
        return dict(state)

    def wait_until_healthy(self, service: str) -> None:
        def healthy() -> bool:
            state = self.container(service)["State"]
            assert isinstance(state, dict)
            return bool(state["Status"] == "running" and state["Health"]["Status"] == "healthy")

        assert self.daemon is not None
        servers.wait_for(healthy, self.daemon, 240)

    def stop(self) -> None:
        if self.daemon is not None:
            self.do("docker compose down -v -t 1", check=False)
            os.killpg(self.daemon.pid, signal.SIGTERM)
            self.daemon.wait(30)
            shutil.rmtree(self.place, ignore_errors=True)


@pytest.fixture
def stack(tmp_path: Path):
    docker_daemon.need_docker()
    folder = tmp_path / "amlflow"
    folder.mkdir()
    stack = Stack(folder)
    yield stack
    stack.stop()


LOG = """
import time
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), "lasting").start_logging()
for number in range(40):
    run.log("number", number)
    print(number, flush=True)
    time.sleep(0.1)
run.upload_file("outputs/model.bin", "model.bin")
run.complete()
print(run.id)
"""
READ = """
from azureml.core import Experiment, Workspace
ws = Workspace("s", "g", "w")
[run] = Experiment(ws, "lasting").get_runs()
run.download_file("outputs/model.bin", "read.bin")
print(run.status, run.get_metrics()["number"] == list(range(40)), open("read.bin").read())
print(len(list(Experiment(ws, "explore-runs").get_runs())))
"""
STORE = """
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), "stored").start_logging()
run.upload_file("outputs/stored.bin", "model.bin")
run.download_file("outputs/stored.bin", "stored.bin")
run.complete()
print(open("stored.bin").read())
"""
OBJECTS = """
docker compose run --rm -T --no-deps server python -c "
import boto3
for found in boto3.client('s3').list_objects_v2(Bucket='mlflow')['Contents']:
    print(found['Key'])"
"""
OLDER = """
docker compose run --rm -T server python -c "
import os
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
command.downgrade(_get_alembic_config(os.environ['MLFLOW_BACKEND_STORE_URI']), '-1')"
"""


def test_a_team_starts_loses_its_database_and_restores_and_upgrades(stack: Stack) -> None:
    folder = stack.folder
    stack.start_daemon()
    stack.do("compose/init")
    stack.set(WORKERS="1")
    stack.do(START.replace("compose/init", ":"))
    stack.wait_until_healthy("server")

    # The guide runs, with nothing but the address.
    done = subprocess.run(
        stack.inside(sys.executable, str(SCRIPT)), cwd=folder, capture_output=True, text=True,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=ADDRESS), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_printed(done.stdout.splitlines())
    check_reached_from_here_only(stack)

    # The database is killed while a script logs: it comes back, and so does every value.
    (folder / "model.bin").write_text("a model")
    script = subprocess.Popen(
        stack.inside(sys.executable, "-c", LOG), cwd=folder, stdout=subprocess.PIPE, text=True,
        env=servers.clean_environment(MLFLOW_TRACKING_URI=ADDRESS),
    )  # fmt: skip
    assert script.stdout is not None
    assert next(line for line in script.stdout if line == "5\n")
    state = stack.container("database")["State"]
    assert isinstance(state, dict)
    os.kill(state["Pid"], signal.SIGKILL)
    assert script.wait(120) == 0
    stack.wait_until_healthy("database")
    assert stack.container("database")["RestartCount"] == 1
    assert stack.python(READ) == "Completed True a model\n4\n"

    # Into empty volumes, under another password.
    stack.do(BACKUP)
    stack.do("docker compose down -v -t 1")
    (folder / "compose" / ".env").unlink()
    stack.do("compose/init --basic-auth")
    stack.set(WORKERS="1", COMPOSE_PROFILES="none")
    stack.do(RESTORE)
    stack.do(OLDER)
    stack.set(COMPOSE_PROFILES="basic-auth")
    stack.do(UPGRADE)
    stack.wait_until_healthy("server-with-users")

    user = {
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": stack.setting("ADMIN_PASSWORD"),
    }
    assert stack.python(READ, **user) == "Completed True a model\n4\n"
    refused = "import azureml.core as a\ntry: a.Workspace('s','g','w').experiments\n"
    refused += "except Exception as error: print(type(error).__name__)"
    assert stack.python(refused) == "AuthenticationException\n"

    # Artifacts in S3, over the same database.
    stack.do("docker compose down -t 1")
    password = stack.setting("POSTGRES_PASSWORD")
    (folder / "compose" / ".env").unlink()
    stack.do("compose/init --s3")
    stack.set(WORKERS="1", POSTGRES_PASSWORD=password)
    stack.do("docker compose up -d")
    stack.wait_until_healthy("server")
    assert stack.python(STORE, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1") == "a model\n"
    assert stack.do(OBJECTS).stdout.splitlines()[-1].endswith("/outputs/stored.bin")


def check_reached_from_here_only(stack: Stack) -> None:
    """The port is this machine's own, and no other address of it has it."""
    code = """
import json, socket, sys
found = []
for host in ("127.0.0.1", sys.argv[1]):
    with socket.socket() as probe:
        found.append(probe.connect_ex((host, 5000)) == 0)
print(json.dumps(found))
"""
    networks = stack.container("server")["NetworkSettings"]
    assert isinstance(networks, dict)
    [network] = networks["Networks"].values()
    done = subprocess.run(
        stack.inside(sys.executable, "-c", code, network["Gateway"]),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == [True, False]


def test_nothing_starts_without_passwords(stack: Stack) -> None:
    config = "docker compose config -q"
    without = stack.do(config, check=False)
    assert without.returncode != 0
    assert "compose/init" in without.stderr
    stack.do("compose/init")
    stack.do(config)
    for name in ("POSTGRES_PASSWORD", "ADMIN_PASSWORD", "SECRET_KEY", "S3_SECRET_KEY"):
        value = stack.setting(name)
        assert re.fullmatch("[0-9a-f]{48}", value)
        stack.set(**{name: ""})
        empty = stack.do(config, check=False)
        assert empty.returncode != 0
        assert "compose/init" in empty.stderr
        stack.set(**{name: value})


def test_passwords_are_ones_own_and_stay(stack: Stack) -> None:
    path = stack.folder / "compose" / ".env"
    stack.do("compose/init --s3 --basic-auth")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stack.setting("COMPOSE_PROFILES") == "basic-auth,s3"
    assert stack.setting("AWS_SECRET_ACCESS_KEY") == stack.setting("S3_SECRET_KEY")
    before = path.read_text()
    again = stack.do("compose/init", check=False)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert path.read_text() == before
    path.unlink()
    stack.do("compose/init")
    assert not set(re.findall("[0-9a-f]{48}", before)) & set(
        re.findall("[0-9a-f]{48}", path.read_text())
    )
    assert stack.do("compose/init --unknown", check=False).returncode == 2
