"""v1's estimators: the configuration and the environment that their arguments make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from amlflow.core.console import warn_once
from amlflow.core.scripts.distribution import distribution_of
from amlflow.core.scripts.script_data import collect_data
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from azureml.core import Dataset, Environment
from azureml.data.data_reference import DataReference
from azureml.train.dnn import Mpi, Nccl, ParameterServer, PyTorch, TensorFlow
from azureml.train.estimator import Estimator
from azureml.train.sklearn import SKLearn


def packages(estimator: Estimator) -> tuple[list[str], list[str]]:
    dependencies = estimator.conda_dependencies
    conda = [each for each in dependencies.conda_packages if not each.startswith("python")]
    return conda, list(dependencies.pip_packages)


def test_packages_parameters_and_target() -> None:
    estimator = Estimator(
        "src",
        entry_script="train.py",
        compute_target="cpu",
        script_params={"--rate": 0.1, "--verbose": "", "--zero": 0},
        conda_packages=["scikit-learn"],
        pip_packages=["joblib==1.0"],
        environment_variables={"A": "b"},
        max_run_duration_seconds=60,
    )
    config = estimator.run_config
    assert (estimator.script, estimator.source_directory) == ("train.py", "src")
    assert estimator.arguments == ["--rate", 0.1, "--verbose", "--zero", 0]
    assert packages(estimator) == (["scikit-learn"], ["joblib==1.0"])
    assert (config.target, config.max_run_duration_seconds) == ("cpu", 60)
    assert config.environment.environment_variables == {"A": "b"}
    assert not config.docker.use_docker


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        (PyTorch, "2.1", ["torch==2.1", "torchvision"]),
        (TensorFlow, None, ["tensorflow"]),
        (SKLearn, "1.4", ["scikit-learn==1.4", "joblib", "pandas"]),
    ],
)
def test_a_framework_is_a_package(kind: Any, version: str | None, expected: list[str]) -> None:
    estimator = kind(".", entry_script="train.py", framework_version=version, use_gpu=True)
    assert packages(estimator) == ([], expected)


def test_files_of_packages_are_looked_for_in_the_source_directory(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "env.yml").write_text("dependencies: [python=3.11, numpy, {pip: [a]}]\n")
    (folder / "requirements.txt").write_text("# ours\nb==1\n--pre\n")
    estimator = Estimator(
        "src",
        entry_script="train.py",
        conda_dependencies_file="env.yml",
        pip_requirements_file="requirements.txt",
    )
    assert packages(estimator) == (["numpy"], ["a", "b==1"])
    assert list(estimator.conda_dependencies.pip_options) == ["--pre"]
    with pytest.raises(FileNotFoundError):
        Estimator("src", entry_script="train.py", pip_requirements_file="none.txt")


def test_containers_and_environments() -> None:
    environment = Environment("mine")
    estimator = Estimator(".", entry_script="x.py", environment_definition=environment)
    assert estimator.run_config.environment is environment
    estimator = Estimator(".", entry_script="x.py", custom_docker_image="python:3", shm_size="2g")
    assert estimator.run_config.environment.docker.base_image == "python:3"
    assert (estimator.run_config.docker.use_docker, estimator.run_config.docker.shm_size) == (
        True,
        "2g",
    )
    estimator = Estimator(".", entry_script="x.py", user_managed=True, use_docker=True)
    assert estimator.run_config.environment.python.user_managed_dependencies
    assert estimator.run_config.docker.use_docker
    assert estimator.run_config.docker.shm_size == "2g", "v1's default"


@pytest.mark.parametrize(
    ("arguments", "ignored"),
    [
        ({"shm_size": "4g"}, "shm_size='4g' has no effect"),
        ({"shm_size": "5g", "use_docker": False}, "shm_size='5g' has no effect"),
        (
            {"custom_docker_image": "python:3", "use_docker": False},
            "custom_docker_image='python:3' has no effect",
        ),
    ],
)
def test_settings_of_a_container_that_is_not_asked_for(
    arguments: dict[str, Any], ignored: str, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    assert not Estimator(".", entry_script="x.py", **arguments).run_config.docker.use_docker
    assert ignored in caplog.text
    assert "Pass use_docker=True" in caplog.text


def test_inputs_and_parameters_that_are_data(
    workspace: Workspace, datastore: Any, folder: Path
) -> None:
    (folder / "a.txt").write_text("a")
    files = Dataset.File.from_files("a.txt")
    estimator = Estimator(
        ".",
        entry_script="x.py",
        script_params={"--data": files.as_named_input("parameter").as_mount()},
        inputs=[files.as_named_input("named"), DataReference(datastore, "reference", "in")],
    )
    collected = collect_data(estimator, workspace)
    assert collected is not None
    names = {item.name for item in collected.data.inputs}
    assert names == {"parameter", "named", "reference"}
    with pytest.raises(UserErrorException, match="has no name: pass"):
        Estimator(".", entry_script="x.py", inputs=[object()])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, None),
        ({"process_count_per_node": 4}, ("mpi", 1, 4)),
        ({"node_count": 2, "distributed_backend": "mpi"}, ("mpi", 2, 2)),
        ({"node_count": 2, "distributed_training": Mpi(process_count_per_node=4)}, ("mpi", 2, 8)),
        ({"node_count": 2, "distributed_training": Nccl()}, ("pytorch", 2, 2)),
        ({"node_count": 2, "distributed_backend": "gloo"}, ("pytorch", 2, 2)),
        ({"node_count": 3, "distributed_training": ParameterServer(3, 2)}, ("tensorflow", 3, 5)),
    ],
)
def test_the_processes_of_an_estimator(arguments: dict[str, Any], expected: Any) -> None:
    settings = PyTorch(".", entry_script="x.py", **arguments).run_config
    distribution = distribution_of(settings)
    if distribution is not None:
        distribution = (distribution.join, distribution.nodes, distribution.processes)
    assert distribution == expected


def test_processes_on_a_node_beside_a_parameter_server() -> None:
    with pytest.raises(UserErrorException, match=r"process_count_per_node=2 has no effect with"):
        TensorFlow(
            ".",
            entry_script="x.py",
            distributed_backend="ps",
            node_count=2,
            process_count_per_node=2,
        )
