"""The Dockerfile of an environment, without building it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from amlflow.core.scripts.dockerfiles import dockerfile_of
from azureml.core import Environment
from azureml.core.environment import DockerBuildContext
from azureml.exceptions import UserErrorException

TEXT = "# a comment\nfrom python:3.11\nRUN true\n"


def test_a_text_and_a_file_are_the_same(folder: Path) -> None:
    Path("Dockerfile.mine").write_text(TEXT)
    dockerfiles = [
        dockerfile_of(Environment.from_dockerfile("e", dockerfile).docker)
        for dockerfile in (TEXT, "Dockerfile.mine", str(folder / "Dockerfile.mine"))
    ]
    assert [dockerfile.text for dockerfile in dockerfiles if dockerfile] == [TEXT] * 3
    assert dockerfile_of(Environment("e").docker) is None


@pytest.mark.parametrize("value", ["Dockerfil", "RUN true\n", "x" * 5000, "a\0b", "."])
def test_what_is_no_dockerfile(folder: Path, value: str) -> None:
    environment = Environment.from_dockerfile("e", value)
    with pytest.raises(UserErrorException, match="neither the text of a Dockerfile"):
        dockerfile_of(environment.docker)


def test_only_packages_that_are_named_are_added(folder: Path) -> None:
    Path("needs.txt").write_text("tabulate\n")
    assert Environment.from_dockerfile("e", TEXT).python.user_managed_dependencies
    environment = Environment.from_dockerfile("e", TEXT, pip_requirements="needs.txt")
    assert not environment.python.user_managed_dependencies
    assert list(environment.python.conda_dependencies.pip_packages) == ["tabulate"]
    with pytest.raises(UserErrorException, match="got both"):
        Environment.from_dockerfile("e", TEXT, "conda.yml", "needs.txt")


def test_a_build_context(folder: Path) -> None:
    Path("context/docker").mkdir(parents=True)
    Path("context/docker/Dockerfile").write_text(TEXT)
    context = DockerBuildContext.from_local_directory(None, "context", "docker/Dockerfile")
    environment = Environment.from_docker_build_context("e", context)
    dockerfile = dockerfile_of(environment.docker)
    assert dockerfile is not None
    assert (dockerfile.folder, dockerfile.path) == (str(folder / "context"), "docker/Dockerfile")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"location": "nowhere"}, "is not a folder"),
        ({"location": "."}, "has no file 'Dockerfile'"),
        ({"location": ".", "dockerfile_path": "../Dockerfile"}, "below that folder"),
        ({"location": "https://example.org/x.git"}, "not a folder of this machine"),
        ({}, "not a folder of this machine"),
    ],
)
def test_a_build_context_that_is_none(folder: Path, values: Any, said: str) -> None:
    (folder.parent / "Dockerfile").write_text(TEXT)
    environment = Environment.from_docker_build_context("e", DockerBuildContext(**values))
    with pytest.raises(UserErrorException, match=said):
        dockerfile_of(environment.docker)
    with pytest.raises(UserErrorException, match="is a DockerBuildContext"):
        Environment.from_docker_build_context("e", "context")  # type: ignore[arg-type]


def test_a_dockerfile_is_kept_with_its_environment(folder: Path) -> None:
    Path("Dockerfile").write_text(TEXT)
    environment = Environment.from_dockerfile("e", "Dockerfile")
    environment.save_to_directory("kept")
    assert Path("kept/BaseDockerfile").read_text() == TEXT
    assert Environment.load_from_directory("kept").docker.base_dockerfile == TEXT
    context = DockerBuildContext.from_local_directory(None, ".")
    Environment.from_docker_build_context("f", context).save_to_directory("other")
    loaded = Environment.load_from_directory("other").docker.build_context
    assert loaded is not None
    assert (loaded.location, loaded.dockerfile_path) == (str(folder), "Dockerfile")
