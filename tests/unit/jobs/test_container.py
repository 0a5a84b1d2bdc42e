"""A script that v1 runs in a container is run by the plugin that runs containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from amlflow import plugins
from amlflow.core.console import warn_once
from amlflow.core.scripts.containers import resolve_target
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ComputeTargetException
from amlflow.spec import CONTAINER, hookimpl
from amlflow_docker.images import DockerImages
from azureml.core import Environment


class Podman:
    """A compute target that only remembers its settings."""

    max_runs = None
    check = start = clean = print

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings


@pytest.fixture
def podman(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin for containers, in place of the one for Docker."""
    monkeypatch.setenv("AMLFLOW_PLUGINS", "local")
    from importlib.metadata import entry_points

    made = plugins.Plugins(list(entry_points(group=plugins.GROUP)))

    class Plugin(ModuleType):
        pass

    @hookimpl
    def amlflow_compute(kind: str, settings: Mapping[str, Any]) -> Podman | None:
        return Podman(settings) if kind == CONTAINER else None

    module = Plugin("podman")
    module.amlflow_compute = amlflow_compute  # type: ignore[attr-defined]
    made.manager.register(module, name="podman")
    monkeypatch.setattr(plugins, "load_plugins", lambda: made)


def settings(in_container: str) -> RunConfiguration:
    configuration = RunConfiguration()
    docker = configuration.docker
    if in_container == "environment":
        docker = configuration.environment.docker
        docker.enabled = True
    else:
        docker.use_docker = True
    docker.arguments, docker.shm_size = ["--network", "none"], "1g"
    return configuration


@pytest.mark.usefixtures("podman")
@pytest.mark.parametrize("in_container", ["environment", "docker"])
def test_any_plugin_for_containers_gets_it(in_container: str, folder: Path) -> None:
    workspace = Workspace("subscription", "group", "name")
    target = resolve_target(workspace, settings(in_container))
    assert target.kind == CONTAINER
    assert target.settings == {"arguments": ["--network", "none"], "shm_size": "1g"}


def test_the_docker_plugin_takes_it() -> None:
    assert plugins.open_compute(CONTAINER, {"shm_size": "1g"}) is not None


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine for containers."""

    def refuse(self: DockerImages) -> None:
        raise ComputeTargetException("No Docker daemon answers.")

    monkeypatch.setattr(DockerImages, "check", refuse)


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("in_container", ["environment", "docker"])
def test_without_an_engine_the_script_runs_on_this_machine(
    in_container: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = settings(in_container)
    configuration.environment.docker.base_image = "an/image"
    configuration.environment.python.conda_dependencies.add_pip_package("tabulate")
    warn_once.cache_clear()
    target = resolve_target(Workspace("subscription", "group", "name"), configuration)
    assert target.kind == "local"
    [record] = caplog.records
    assert "use_docker is ignored" in record.message
    assert "No Docker daemon answers" in record.message


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(
    "environment",
    [
        Environment.from_docker_image("e", "an/image"),
        Environment.from_dockerfile("e", "FROM an/image"),
    ],
)
def test_what_only_an_image_has_needs_the_engine(environment: Environment, folder: Path) -> None:
    configuration = settings("docker")
    configuration.environment = environment
    with pytest.raises(ComputeTargetException, match="No Docker daemon answers"):
        resolve_target(Workspace("subscription", "group", "name"), configuration)
