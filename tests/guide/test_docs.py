"""The blocks of README.md and docs/ run as they stand, and the settings' table is complete."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import docker
import pytest
import requests
from blocks import PAGES, PROJECT, block
from helpers import servers
from helpers.consoles import Console, run_block
from helpers.submitted_jobs import until
from helpers.tiny_environments import NO_INDEX, only_links
from helpers.wheels import SOURCES as PACKED
from helpers.wheels import copy_project, lend_packages, make_environment, write_tiny
from masks import masked


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=servers.clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def on_path(**environment: str) -> dict[str, str]:
    """An environment in which a shell finds the commands that are installed here."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return servers.clean_environment(PATH=path, **environment)


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, capture_output=True, text=True, check=False,
        env=on_path(**environment),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the project, with an environment that lends what pip would fetch."""
    folder = tmp_path / "amlflow"
    copy_project(PROJECT, folder, (*PACKED, "CONTRIBUTING.md", "SECURITY.md"))
    lend_packages(make_environment(folder / ".venv", with_pip=True))
    return folder


OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_ROOT_USER_ACTION": "ignore"}


def test_the_first_block_installs_amlflow_and_tells_the_story(clone: Path) -> None:
    done = shell(block("install"), clone, **OFFLINE)
    for piece in ("Completed", "azureml-user", "'fantastic run'"):
        assert piece in done.stdout
    assert "`amlflow ui`, in this folder," in done.stdout
    assert "http://127.0.0.1:5000/#/experiments/1/runs/" in done.stdout
    installed = list((clone / ".venv").rglob("site-packages/amlflow/__init__.py"))
    assert len(installed) == 1


def test_the_source_distribution_has_the_pages(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    copy_project(PROJECT, folder, (*PACKED, "docs", "compose", "CONTRIBUTING.md", "SECURITY.md"))
    run("-m", "hatchling", "build", "-t", "sdist", folder=folder)
    [archive] = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {str(page.relative_to(PROJECT)) for page in PAGES} <= names
    assert "compose/compose.yaml" in names


def test_the_example_prints_what_is_shown(folder: Path) -> None:
    done = run("-c", block("example"), folder=folder)
    assert masked(done.stdout, folder) == masked(block("example-output"), folder)
    # With no config.json, once, and the store is where `mlflow ui` looks.
    assert done.stderr.count("No config.json at or above") == 1
    assert (folder / "mlflow.db").is_file()


def test_a_script_is_submitted(project: Path, tmp_path: Path) -> None:
    done = run("-c", block("submit"), folder=project, AMLFLOW_JOBS=str(tmp_path / "jobs"))
    assert "epoch 2" in done.stdout
    assert "Completed {'loss': [1.0, 0.5, 0.3333333333333333]}" in done.stdout


def test_environments_are_registered_and_runs_tell_which_they_had(
    project: Path, tmp_path: Path
) -> None:
    for name, version in (("tabulate", "0.9.0"), ("humanize", "4.9.0")):
        write_tiny(tmp_path / "wheels", name, version)
    (project / "src").mkdir()
    (project / "src" / "train.py").write_text("import humanize, tabulate")
    surroundings = {
        "AMLFLOW_JOBS": str(tmp_path / "jobs"),
        "AMLFLOW_ENVIRONMENTS": str(tmp_path / "environments"),
        **only_links(tmp_path / "wheels"),
    }
    done = run("-c", block("register-environment"), folder=project, **surroundings)
    assert done.stdout.splitlines() == ["1", "1", "2", "2 1"]
    done = run("-c", block("environment-of-a-run"), folder=project, **surroundings)
    assert done.stdout.splitlines()[-2:] == [
        "tables 2 ['humanize==4.9.0', 'tabulate==0.9.0']",
        "['tabulate==0.9.0', 'humanize==4.9.0']",
    ]


def test_a_script_runs_with_the_packages_of_its_environment(project: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "wheels", "tabulate", "0.9.0")
    done = run(
        "-c", block("environment"), folder=project,
        AMLFLOW_JOBS=str(tmp_path / "jobs"), AMLFLOW_ENVIRONMENTS=str(tmp_path / "environments"),
        **only_links(tmp_path / "wheels"),
    )  # fmt: skip
    assert "{'packages': 'tabulate'}" in done.stdout


def test_packages_are_added_to_an_image(
    project: Path, tmp_path: Path, docker_host: str, docker_image: str
) -> None:
    docker.from_env().images.get(docker_image).tag("python:3.11-slim")
    write_tiny(tmp_path / "wheels", "tabulate", "0.9.0")
    done = run(
        "-c", block("image-environment"), folder=project,
        AMLFLOW_JOBS=str(tmp_path / "jobs"), AMLFLOW_ENVIRONMENTS=str(tmp_path / "environments"),
        DOCKER_HOST=docker_host, **only_links(tmp_path / "wheels"),
    )  # fmt: skip
    assert "{'packages': 'tabulate'}" in done.stdout


def test_a_private_wheel_is_in_the_environment(project: Path, tmp_path: Path) -> None:
    write_tiny(project / "dist", "own-tools", "1.0")
    done = run(
        "-c", block("private-wheel"), folder=project,
        AMLFLOW_ENVIRONMENTS=str(tmp_path / "environments"), **NO_INDEX,
    )  # fmt: skip
    assert "own-tools==1.0 (from file:" in done.stdout
    assert "Image Build Status: Succeeded" in done.stdout


def test_the_compute_targets_are_known(folder: Path) -> None:
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(block("compute"))
    from amlflow.core.workspace import Workspace

    assert set(Workspace("s", "g", "w").compute_targets) == {"gpu-cluster", "local"}


def test_a_created_cluster_runs_the_script_here(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("print('trained')")
    done = run("-c", block("create-compute"), folder=project, AMLFLOW_JOBS=str(tmp_path / "jobs"))
    assert "trained" in done.stdout
    assert done.stderr.count("amlflow does not make the cluster 'cpu-cluster' in Azure") == 1
    declaration = project / ".azureml" / "compute.yaml"
    assert declaration.read_text() == block("created-compute")


def test_the_defaults_are_those_of_clusters_that_code_creates(folder: Path) -> None:
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(block("compute-defaults"))
    from amlflow.core.compute.compute_target import AmlCompute, ComputeTarget
    from amlflow.core.workspace import Workspace

    workspace = Workspace("s", "g", "w")
    configuration = AmlCompute.provisioning_configuration(max_nodes=2)
    cluster = ComputeTarget.create(workspace, "cpu-cluster", configuration)
    assert cluster.serialize()["properties"]["image"] == "python:3.11-slim"


def test_a_target_stands_in_for_an_unknown_one(project: Path, tmp_path: Path) -> None:
    (project / "submit.py").write_text(
        "from azureml.core import Experiment, ScriptRunConfig, Workspace\n"
        "config = ScriptRunConfig('.', command='echo hello', compute_target='gpu-cluster')\n"
        "run = Experiment(Workspace.from_config(), 'train').submit(config)\n"
        "print(run.wait_for_completion()['target'])\n"
    )
    command = block("default-target").strip().removeprefix("$ ")
    done = shell(command, project, AMLFLOW_JOBS=str(tmp_path / "jobs"))
    assert done.stdout.splitlines()[-1] == "local"
    assert "'local' is used instead" in done.stderr


def test_quickstart_tells_the_story_and_how_to_open_the_page(project: Path) -> None:
    done = run("-m", "amlflow", "quickstart", folder=project)
    for piece in ("Completed", "azureml-user", "properties are immutable", "'fantastic run'"):
        assert piece in done.stdout
    assert "`amlflow ui`, in this folder," in done.stdout
    assert "http://127.0.0.1:5000/#/experiments/1/runs/" in done.stdout


def test_the_config_names_the_tracking_store(folder: Path) -> None:
    (folder / "config.json").write_text(block("config"))
    from amlflow.core.workspace import Workspace

    workspace = Workspace.from_config()
    assert workspace.get_mlflow_tracking_uri() == json.loads(block("config"))["tracking_uri"]


def test_nothing_waits_to_be_sent(project: Path) -> None:
    console = Console()
    console.run("amlflow folder attach -w vision -g team")
    run_block(block("sync"), project, console)


def test_the_quickstart_is_in_trackio(folder: Path) -> None:
    done = shell(block("trackio"), folder)
    assert "explore-runs" in done.stdout.splitlines()[-1]


def test_the_studio_starts_by_the_line_that_is_shown(project: Path) -> None:
    """The other lines of the page start the servers of tests/ui."""
    port = servers.free_port()
    address = f"http://127.0.0.1:{port}"
    command = f"{block('studio-server').strip()} --workers 1 --port {port}"
    with (project / "server.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-euc", command], cwd=project, stdout=log, stderr=log, env=on_path(),
            start_new_session=True,
        )  # fmt: skip

    def answers() -> bool:
        try:
            return requests.get(f"{address}/health", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    try:
        until(answers, 240, f"{command!r} to answer")
        search = f"{address}/ajax-api/2.0/amlflow/runs/search"
        assert requests.post(search, json={}, timeout=60).json()["rows"] == []
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


SOURCES = [
    each.read_text(encoding="utf-8")
    for folder in ("adapter", "plugins")
    for each in (PROJECT / folder).rglob("*.py")
]
CONFIGURATION = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
NAMED = {
    name
    for page in PAGES
    for name in re.findall(r"`([A-Z]+LOW_[A-Z_]+)`", page.read_text(encoding="utf-8"))
}
SET_ONLY = {
    "AMLFLOW_AGENT_LOCK", "AMLFLOW_AGENT_PYTHON", "AMLFLOW_CHECK_CLUSTER", "AMLFLOW_CHECK_KIND",
    "AMLFLOW_CHECK_URI", "AMLFLOW_CLIENT_ADDRESS", "AMLFLOW_CLIENT_CHANGES",
    "AMLFLOW_CLIENT_TRACKER",
    "AMLFLOW_CLUSTER_RUN", "AMLFLOW_DATASTORES", "AMLFLOW_DOLLAR", "AMLFLOW_FOR_MPIEXEC",
    "AMLFLOW_INPUT_DATASETS",
    "AMLFLOW_JOB_IMAGE", "AMLFLOW_MEMORY_NODE", "AMLFLOW_MEMORY_NODES", "AMLFLOW_OUTPUT_DATASETS",
    "AMLFLOW_PROJECT", "AMLFLOW_REGISTERED_PLUGINS", "AMLFLOW_RELAY", "AMLFLOW_ROOM",
    "AMLFLOW_SCRIPT_PYTHON", "AMLFLOW_SERVED_ARTIFACTS", "AMLFLOW_SERVED_AUTHORIZATIONS",
    "AMLFLOW_SERVED_DATABASE",
    "AMLFLOW_SIGTERM_FOR_SCRIPT", "AMLFLOW_SLURM_OUTSIDE", "AMLFLOW_START_FAILURE",
    "AMLFLOW_TEST_NOTE", "MLFLOW_LOGGING_LEVEL",
}  # fmt: skip
"""Variables by which one process of amlflow tells another, or its server, something."""
NOT_SETTINGS = {"NO_HEADERS", "NO_CERTIFICATE", "NO_START_LINE", "HTTP_AUTHORIZATION"}
"""v1's name of a kind of table, two reasons of ssl, and WSGI's name of a header."""


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_setting_named_is_read_somewhere(name: str) -> None:
    if name.startswith("MLFLOW_"):
        import mlflow.environment_variables

        assert hasattr(mlflow.environment_variables, name)
    elif not name.startswith("AMLFLOW_CORE_"):  # knack's, tested with the commands
        assert any(f'"{name}"' in each for each in SOURCES)


def test_every_setting_read_is_in_the_table() -> None:
    names = r'"((?:AMLFLOW|MLFLOW|TRACKIO|HF|PIP|XDG|HTTPS?|NO)_[A-Z_]+)"'
    read = {name for each in SOURCES for name in re.findall(names, each)}
    named = set(re.findall(r"`([A-Z_]+)`", CONFIGURATION))
    assert read - named - NOT_SETTINGS == SET_ONLY
