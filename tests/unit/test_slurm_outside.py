"""How processes start in an image if the job's script stays outside of the container."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from amlflow.spec import ClusterWork
from amlflow_slurm import cluster, outside
from amlflow_slurm.settings import SlurmSettings, read_settings

PYXIS = {"image": "a#b", "containers": "pyxis"}
ARGUMENTS = ["-m", "amlflow.jobs.agent"]


def test_how_the_agent_starts_in_an_image_of_several_processes() -> None:
    settings: dict[str, Any] = {"image": "/a b.sif", "gpus": 1, "python": "/py"}
    command = read_settings(settings).agent_outside(ARGUMENTS)
    expected = ["apptainer", "exec", "--nv", "--bind", "$_folder", "/a b.sif", "/py", *ARGUMENTS]
    assert shlex.split(command) == expected
    assert '--bind "$_folder" ' in command


def test_options_of_pyxis_are_those_of_its_processes() -> None:
    own = ["--no-container-mount-home", "--container-mounts=/data:/data"]
    settings = read_settings({**PYXIS, "options": ["--exclusive", *own]})
    assert settings.to_options() == ["--container-image=a#b", "--exclusive", *own]
    assert settings.to_options(is_outside=True) == ["--exclusive"]
    assert settings.step_options() == ["--container-image=a#b", *own]


def test_mounts_of_the_target_are_the_agents_too() -> None:
    """Slurm gives Pyxis only the last option of this name."""
    options = ["--container-mounts=/no:/no", "--container-mounts=/a:/a,/b:/b"]
    words = shlex.split(read_settings({**PYXIS, "options": options}).agent_outside(ARGUMENTS))
    last = [word for word in words if word.startswith("--container-mounts=")][-1]
    assert last == "--container-mounts=/a:/a,/b:/b,$_folder:$_folder"


@pytest.mark.parametrize(
    ("values", "is_outside"),
    [
        ({}, False),
        ({"processes_per_node": 2, "distribution": "pytorch"}, False),
        ({"processes_per_node": 2, "distribution": "mpi"}, True),
        ({"nodes": 2, "distribution": "pytorch"}, True),
    ],
)
def test_which_scripts_stay_outside(
    values: dict[str, Any], is_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts: list[str] = []
    monkeypatch.setattr(cluster, "run_command", lambda command, script: scripts.append(script))
    work = ClusterWork(name="0" * 32, python="p", arguments=ARGUMENTS, **values)
    for settings in SlurmSettings(image="/a.sif"), SlurmSettings():
        cluster.SlurmCluster(settings).check(work, "https://mlflow.example")
    in_image, plain = scripts
    assert (outside.FOLDER in in_image) is is_outside
    assert ("\nexec apptainer exec /a.sif python3" in in_image) is not is_outside
    assert "\nexec p -m" in plain
