"""v1's Environment: its definition, its folder, and v1's curated environments."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from amlflow.core.environments import conda_export
from amlflow.core.environments.curated import curated_definitions, find_curated
from amlflow.core.environments.registry import EnvironmentNotFound
from amlflow.core.scripts.environment import (
    definition_of,
    environment_from,
)
from amlflow.environments.redaction import without_credentials
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import UserErrorException
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


@pytest.fixture
def environment() -> Environment:
    environment = Environment("mine")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["numpy==1.26"], conda_packages=["scipy"], python_version="3.10"
    )
    environment.python.interpreter_path = "/usr/bin/python3"
    environment.docker.base_image = "an/image:1"
    environment.environment_variables = {"A": "1"}
    environment.version = "4"
    return environment


def test_a_definition_comes_back(environment: Environment) -> None:
    definition = json.loads(json.dumps(definition_of(environment)))
    assert environment_from(definition) == environment
    other = environment_from(definition, "other", "5")
    assert (other.name, other.version) == ("other", "5")
    assert environment_from(definition_of(Environment("empty"))) == Environment("empty")


@pytest.mark.parametrize(
    "definition",
    [{"python": 3}, {"docker": ["x"]}, {"docker": {"arguments": "x"}}, {"environmentVariables": 1}],
)
def test_a_definition_of_another_form(definition: dict[str, object]) -> None:
    with pytest.raises(UserErrorException, match="The definition of the environment 'e'"):
        environment_from(definition, "e")


def test_a_folder_comes_back(environment: Environment, folder: Path) -> None:
    environment.save_to_directory("saved")
    assert sorted(os.listdir("saved")) == ["azureml_environment.json", "conda_dependencies.yml"]
    assert Environment.load_from_directory("saved") == environment
    with pytest.raises(FileExistsError):
        environment.save_to_directory("saved")
    Environment("mine").save_to_directory("saved", overwrite=True)
    assert Environment.load_from_directory("saved") == Environment("mine")


OF_V1 = {
    "name": "of v1",
    "version": "2",
    "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
    "python": {
        "userManagedDependencies": False,
        "interpreterPath": "python",
        "condaDependenciesFile": None,
        "baseCondaEnvironment": None,
    },
    "docker": {"enabled": True, "baseImage": "an/image", "sharedVolumes": True, "shmSize": "2g",
               "arguments": [], "platform": {"os": "Linux", "architecture": "amd64"}},
    "spark": {"repositories": [], "packages": [], "precachePackages": True},
    "r": None,
    "inferencingStackVersion": None,
    "assetId": None,
}  # fmt: skip


def test_a_folder_that_v1_has_written(folder: Path) -> None:
    Path("azureml_environment.json").write_text(json.dumps(OF_V1))
    Path("conda_dependencies.yml").write_text("dependencies:\n- python=3.8\n- pip:\n  - numpy\n")
    environment = Environment.load_from_directory(".")
    assert (environment.name, environment.version) == ("of v1", "2")
    assert list(environment.python.conda_dependencies.pip_packages) == ["numpy"]
    assert environment.docker.shm_size == "2g"
    assert environment.environment_variables == {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"python": 1}'])
def test_a_folder_that_is_not_an_environments(folder: Path, content: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"azureml_environment\.json"):
        Environment.load_from_directory(".")
    Path("azureml_environment.json").write_text(content)
    Path("conda_dependencies.yml").write_text("dependencies: []\n")
    with pytest.raises(UserErrorException, match=r"azureml_environment\.json"):
        Environment.load_from_directory(".")


def test_passwords_in_addresses_are_left_out() -> None:
    environment = Environment("e")
    packages = environment.python.conda_dependencies
    packages.set_pip_option("--index-url https://me:secret@example.org/simple")
    packages.add_pip_package("x @ https://secret@example.org/x.whl")
    packages.add_channel("https://conda.example.org/t/secret/main")
    content, has_secrets = without_credentials(definition_of(environment))
    assert has_secrets
    assert "secret" not in json.dumps(content)
    options = environment_from(content).python.conda_dependencies
    assert list(options.pip_options) == ["--index-url https://example.org/simple"]
    assert without_credentials(content) == (content, False)


def test_each_curated_environment_has_packages() -> None:
    names = [name.lower() for name in curated_definitions()]
    assert len(names) == len(set(names)) > 60
    for name in curated_definitions():
        environment = environment_from(find_curated(name.lower()), name)
        assert name.lower().startswith("azureml-")
        for package in environment.python.conda_dependencies.pip_packages:
            Requirement(package)


def test_a_curated_name_says_the_python_and_the_version_of_the_framework() -> None:
    name = "AzureML-tensorflow-2.4-ubuntu18.04-py37-cuda11-gpu"
    packages = environment_from(find_curated(name), name).python.conda_dependencies
    assert packages.get_python_version() == "3.7"
    lines = list(packages.pip_packages)
    for python, versions in (("3.7", "==2.4.*"), ("3.11", ">=2.8,<2.16")):
        requirements = [Requirement(line) for line in lines]
        [framework] = [
            requirement
            for requirement in requirements
            if requirement.name == "tensorflow"
            and requirement.marker is not None
            and requirement.marker.evaluate({"python_version": python})
        ]
        assert framework.specifier == SpecifierSet(versions)
    name = "AzureML-xgboost-0.9-ubuntu18.04-py37-cpu-inference"
    lines = list(environment_from(find_curated(name), name).python.conda_dependencies.pip_packages)
    assert "xgboost==0.90.*; python_version == '3.7'" in lines  # which v1's name calls 0.9
    packages = environment_from(find_curated("AzureML-Tutorial")).python.conda_dependencies
    assert packages.get_python_version() is None


@pytest.mark.parametrize(
    "name",
    [
        "azureml-tensorflow-2.11-cuda11",
        "AzureML-TensorFlow-1.13-GPU",
        "AzureML-TensorFlow-2.3-GPU",
        "AzureML-tensorflow-2.12-cuda11",
        "azureml-acpt-pytorch-1.11-cuda11.3",
        "azureml-acpt-pytorch-1.13-cuda11.7",
        "AzureML-Chainer-5.1.0-GPU",
    ],
)
def test_scripts_of_notebooks_find_the_types_that_numpy_removed(name: str) -> None:
    # They call np.float and np.int, which are gone since numpy 1.24.
    lines = environment_from(find_curated(name), name).python.conda_dependencies.pip_packages
    [numpy] = [each for each in map(Requirement, lines) if each.name == "numpy"]
    assert "1.23.5" in numpy.specifier
    assert "1.24.0" not in numpy.specifier


def test_a_curated_name_that_is_not_there() -> None:
    with pytest.raises(EnvironmentNotFound, match=r"nearest are AzureML-tensorflow-2\.7-ubuntu"):
        find_curated("AzureML-tensorflow-2.8-ubuntu20.04-py38-cuda11-gpu")
    with pytest.raises(EnvironmentNotFound, match=r"'AzureML-AutoML'\. Environment\.list"):
        find_curated("AzureML-AutoML")


def test_conda_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserErrorException, match="conda is not on the PATH"):
        Environment.from_existing_conda_environment("e", "base")


def test_a_conda_that_cannot_be_run_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONDA_EXE", str(tmp_path / "removed" / "conda"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserErrorException, match="conda is not on the PATH"):
        Environment.from_existing_conda_environment("e", "base")


@pytest.mark.parametrize("key", ["root_prefix", "base environment"])  # of conda, and of mamba
def test_packages_of_a_conda_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    program = tmp_path / "conda"
    program.touch(mode=0o755)
    monkeypatch.setenv("CONDA_EXE", str(program))
    outputs = {
        ("env", "list", "--json"): (
            0,
            '{"envs": [\n"/a",\n"/opt/conda",\n"/opt/conda/envs/mine"\n]}',
        ),
        ("info", "--json"): (0, f'{{"{key}": "/opt/conda"}}'),
        ("env", "export", "--prefix", "/opt/conda/envs/mine"): (
            0,
            "name: mine\ndependencies:\n- python=3.10=h1_0\n- numpy=1.2\n- pip:\n  - x==1\n"
            "prefix: /opt/conda\n",
        ),
        ("env", "export", "--prefix", "/opt/conda"): (1, ""),
    }

    def run(program: str, *arguments: str) -> object:
        code, output = outputs[arguments]
        return conda_export.subprocess.CompletedProcess([program], code, output, "it is broken")

    monkeypatch.setattr(conda_export, "_run", run)
    environment = Environment.from_existing_conda_environment("e", "mine")
    assert environment is not None
    assert environment.python.conda_dependencies.as_dict() == {
        "name": "mine",
        "dependencies": ["python=3.10", "numpy=1.2", "pip", {"pip": ["x==1"]}],
        "channels": [],
    }  # fmt: skip
    assert Environment.from_existing_conda_environment("e", "base") is None
    with pytest.raises(UserErrorException, match="conda has no environment 'other'"):
        Environment.from_existing_conda_environment("e", "other")
    outputs["info", "--json"] = (0, "{}")
    with pytest.raises(UserErrorException, match="does not say which environment is its base"):
        Environment.from_existing_conda_environment("e", "base")
    outputs["info", "--json"] = (1, "")
    with pytest.raises(UserErrorException, match="info --json` did not print JSON: it is broken"):
        Environment.from_existing_conda_environment("e", "base")


def test_a_clone_needs_a_name() -> None:
    with pytest.raises(UserErrorException, match=r"environment\.clone\(new_name\)"):
        Environment("mine").clone("")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_are_read_as_windows_writes_them(tmp_path: Path, encoding: str) -> None:
    """PowerShell's ``pip freeze > requirements.txt`` writes UTF-16."""
    file = tmp_path / "requirements.txt"
    file.write_bytes("six==1.0\r\ntqdm\r\n".encode(encoding))
    environment = Environment.from_pip_requirements("windows", str(file))
    assert list(environment.python.conda_dependencies.pip_packages) == ["six==1.0", "tqdm"]
    file.write_bytes("dependencies:\r\n- python=3.8\r\n- six\r\n".encode(encoding))
    environment = Environment.from_conda_specification("windows", str(file))
    assert environment.python.conda_dependencies.get_python_version() == "3.8"


def test_a_requirements_file_that_is_not_a_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(b"six  # caf\xe9\n")
    with pytest.raises(UserErrorException, match=r"requirements.txt' is not a text file in UTF-8"):
        Environment.from_pip_requirements("latin", str(file))


def test_a_list_in_a_conda_file_is_named_in_short(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    names = "abcdefghi"
    bomb = "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise(names)
    )
    file.write_text(f"a: &a [x]\n{bomb}dependencies: [*i]\n")
    with pytest.raises(UserErrorException) as raised:
        Environment.from_conda_specification("bomb", str(file))
    assert len(raised.value.message) < 1000
