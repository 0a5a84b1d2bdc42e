"""Run configurations and their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from azureml.core import Environment, RunConfiguration
from azureml.core.runconfig import DockerConfiguration
from azureml.exceptions import UserErrorException

FROM_AZURE = """
# The script to run.
script: train.py
arguments: [--rate, 0.5]
target: gpu-cluster
framework: Python
communicator: None
maxRunDurationSeconds: 60
nodeCount: 1
environment:
  name: mine
  environmentVariables:
    A: 1
  python:
    userManagedDependencies: true
    interpreterPath: /usr/bin/python3
    condaDependenciesFile: .azureml/conda_dependencies.yml
  docker:
    enabled: true
    baseImage: an/image:1
    sharedVolumes: true
  spark:
    repositories: [x]
history:
  outputCollection: true
  directoriesToWatch: [logs]
tensorflow:
  workerCount: 7
environmentVariables:
  B: two
somethingNew: [1, {a: b}]
"""


def test_a_file_of_v1(folder: Path) -> None:
    Path(".azureml").mkdir()
    Path(".azureml/gpu.runconfig").write_text(FROM_AZURE)
    config = RunConfiguration.load(".", "gpu")
    assert (config.script, config.arguments, config.target) == (
        "train.py",
        ["--rate", 0.5],
        "gpu-cluster",
    )
    assert config.max_run_duration_seconds == 60
    assert config.environment.name == "mine"
    assert config.environment.environment_variables == {"A": "1"}
    assert config.environment.python.interpreter_path == "/usr/bin/python3"
    assert config.environment.python.user_managed_dependencies is True
    assert config.environment.docker.enabled is True
    assert config.environment.docker.base_image == "an/image:1"
    assert config.environment_variables == {"B": "two"}
    config.target = "local"
    config.environment_variables = {"C": "3"}
    config.save(".", "other")
    written = yaml.safe_load(Path(".azureml/other.runconfig").read_text())
    expected = yaml.safe_load(FROM_AZURE)
    expected["target"] = "local"
    expected["environmentVariables"] = {"C": "3"}
    expected["history"]["snapshotProject"] = True
    expected["tensorflow"]["parameterServerCount"] = 1
    for key in ("somethingNew", "tensorflow", "history", "target", "environmentVariables"):
        assert written[key] == expected[key]
    assert written["environment"]["spark"]["repositories"] == ["x"]
    assert written["environment"]["docker"]["sharedVolumes"] is True


def test_load_finds_what_save_wrote(folder: Path) -> None:
    config = RunConfiguration(script="a.py", arguments=["x", 1])
    config.environment = Environment("e")
    config.environment.python.interpreter_path = "/x/python"
    config.docker = DockerConfiguration(use_docker=True, arguments=["--gpus", "all"], shm_size="1g")
    config.save(name="one")
    for again in (
        RunConfiguration.load(".", "one"),
        RunConfiguration.load(".", "one.runconfig"),
        RunConfiguration.load(".azureml/one.runconfig"),
    ):
        assert (again.script, again.arguments, again.target) == ("a.py", ["x", 1], "local")
        assert again.environment.python.interpreter_path == "/x/python"
        assert again.docker == config.docker
    RunConfiguration.delete(".", "one")
    with pytest.raises(UserErrorException, match="Run configuration 'one' does not exist"):
        RunConfiguration.load(".", "one")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "mapping"),
        ("script: [\n", "not YAML"),
        ("arguments: x\n", "arguments must be a list"),
    ],
)
def test_files_that_are_none(folder: Path, text: str, said: str) -> None:
    Path("x.runconfig").write_text(text)
    with pytest.raises(UserErrorException, match=said):
        RunConfiguration.load("x.runconfig")


def test_a_setting_that_only_azure_minds(caplog: pytest.LogCaptureFixture) -> None:
    environment = Environment("e")
    environment.inferencing_stack_version = "latest"
    assert "Environment.inferencing_stack_version is ignored" in caplog.text
    with pytest.raises(AttributeError, match=r"RunConfiguration has no 'spark' in amlflow"):
        RunConfiguration().spark  # noqa: B018


def test_a_copy_of_an_environment_is_its_own() -> None:
    environment = Environment("e")
    other = environment.clone("f")
    other.python.interpreter_path = "/usr/bin/python3"
    assert (environment.name, environment.python.interpreter_path) == ("e", "python")


def test_an_environment_in_a_file_of_its_own(folder: Path) -> None:
    config = RunConfiguration(script="a.py")
    config.environment = Environment("e")
    config.environment.python.conda_dependencies.add_pip_package("numpy==1.2.3")
    Path("kept").mkdir()
    Path("kept/run.yml").touch()
    config.save("kept/run.yml", separate_environment_yaml=True)
    assert yaml.safe_load(Path("kept/run.yml").read_text())["environment"] == "environment.yml"
    loaded = RunConfiguration.load("kept/run.yml")
    assert (loaded.script, loaded.environment.name) == ("a.py", "e")
    packages = Path(str(loaded.environment.python.conda_dependencies_file))
    assert packages.is_absolute()
    assert "numpy==1.2.3" in packages.read_text()
    config.save(name="one", separate_environment_yaml=True)
    assert RunConfiguration.load(".", "one").environment.name == "e"
    Path("kept/environment.yml").unlink()
    with pytest.raises(UserErrorException, match=r"'environment\.yml', which does not exist"):
        RunConfiguration.load("kept/run.yml")
