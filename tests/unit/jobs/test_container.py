"""A script that v1's code runs in a container goes to whichever plugin runs containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from amlflow import plugins
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.submission import resolve_target
from amlflow.core.workspace import Workspace
from amlflow.spec import CONTAINER, hookimpl


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
    monkeypatch.setattr(plugins, "installed", lambda: made)


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
