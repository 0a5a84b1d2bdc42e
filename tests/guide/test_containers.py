"""amlflow in containers that have nothing but Debian's Python: README's first block, and a client.

They install from a package index, so they run only if you name them:

    pytest -m long tests/guide/test_containers.py

pip's settings are those of this machine: the variables that begin with PIP_.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from blocks import PROJECT, block
from helpers.docker_daemon import IMAGE
from helpers.tools import need
from helpers.wheels import SOURCES, copy_project
from masks import masked

pytestmark = pytest.mark.long

WITH_PIP = "amlflow-tests/python-pip:1"
DOCKERFILE = f"""\
FROM {IMAGE}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv
"""
"""Debian has `python3 -m venv` in a package of its own."""


def docker(*arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        [need("docker"), *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_in_container(script: str, folder: Path, **environment: str) -> str:
    """Run a script in a new container that shares one folder, a clone.

    The container uses this machine's network: the daemon of the tests has no other.
    """
    copy_project(PROJECT, folder, SOURCES)
    options = ["--rm", "--network=host", f"--volume={folder}:/amlflow"]
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            options += [f"--env={name}={value}"]
            if os.path.exists(value):
                options += [f"--volume={os.path.realpath(value)}:{value}:ro"]
    options += [f"--env={name}={value}" for name, value in environment.items()]
    script = f"exec 2>&1\n{script}"
    return docker("run", *options, "--workdir=/amlflow", WITH_PIP, "bash", "-euc", script)


@pytest.fixture
def image(docker_host: str) -> None:
    docker("build", "--quiet", "--network=host", f"--tag={WITH_PIP}", "-", given=DOCKERFILE)


@pytest.mark.usefixtures("image")
def test_the_readmes_first_block_and_its_example_run(tmp_path: Path) -> None:
    script = (
        f"{block('install')}\n"
        "mkdir example\ncd example\n"
        f"echo BETWEEN\n../.venv/bin/python - <<'EXAMPLE'\n{block('example')}\nEXAMPLE\n"
        "echo BETWEEN\n../.venv/bin/pip list --format=freeze\n"
    )
    first, example, packages = run_in_container(script, tmp_path / "clone").split("BETWEEN\n")
    for piece in ("Completed", "azureml-user", "'fantastic run'"):
        assert piece in first
    # Before it is the warning that the folder has no config.json.
    assert masked(example, tmp_path).endswith(masked(block("example-output"), tmp_path))
    assert "amlflow==" in packages
    assert "mlflow-skinny" not in packages


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("old_server_uri", ["2.9.2"], indirect=True)
def test_the_client_works_with_an_old_server(old_server_uri: str, tmp_path: Path) -> None:
    script = (
        f"{block('install').splitlines()[0]}\n"
        f"echo BETWEEN\n.venv/bin/python - <<'EXAMPLE'\n{block('example')}\nEXAMPLE\n"
        "echo BETWEEN\n.venv/bin/amlflow run list --experiment-name explore-runs -o json\n"
    )
    folder = tmp_path / "clone"
    printed = run_in_container(script, folder, MLFLOW_TRACKING_URI=old_server_uri)
    _, example, listed = printed.split("BETWEEN\n")
    assert masked(example, tmp_path) == masked(block("example-output"), tmp_path)
    assert '"status": "Completed"' in listed
    assert not (folder / "mlflow.db").exists()
