"""Definitions of environments that somebody else may have written to the tracker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.cli import environments as commands
from amlflow.core.environments.registry import Registry
from amlflow.core.scripts.environment import Environment
from amlflow.core.workspace import Workspace
from amlflow.environments import kept, pythons
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.requirement_lines import names_local_file
from amlflow.environments.wheels import parse_address
from amlflow.exceptions import UserErrorException
from amlflow.testing.memory import MemoryTracker

Open = Callable[..., Workspace]


@pytest.fixture
def registry(tracker: MemoryTracker) -> Registry:
    return Registry(tracker)


def definition(*lines: str, **python: Any) -> dict[str, Any]:
    packages = {"dependencies": ["python=3.11", {"pip": list(lines)}]}
    return {"name": "e", "python": {"condaDependencies": packages, **python}}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that leaves a mark when it is started."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    path.chmod(0o755)
    return path


LOCAL_LINES = [
    "-r /etc/passwd", "--requirement=/etc/passwd", "-r/etc/passwd", "-c /etc/passwd", "-e .",
    "-e /home/somebody", "--editable file:///home", "file:///etc/passwd", "/etc/passwd", "./here",
    "~/there", "x @ file:///etc/passwd", "x @ /etc/passwd", "x@../y", "wheel.whl", "numpy\n-r /x",
    "https://example.org/x.whl\n-r /x", "x.tar.gz", "../../x.zip ; python_version > '3'",
    "x.whl ; python_version > '3'", "x.whl\t;a", "x.whl more", "x.zip --more",
    "x.whl[extra]", "x.whl[extra] ; a", "x.tgz", "x.tar", "x.tar.bz2",
]  # fmt: skip
OTHER_LINES = [
    "scipy", "numpy==1.2 ; python_version < '3.12'", "scikit-learn[extra]>=1", "-i https://x/simple",
    "--extra-index-url https://x", "--find-links https://x", "git+https://github.com/a/b@main",
    "x @ https://example.org/x.whl", "-e git+https://x/y#egg=y",
    "--no-binary :all:", "-f /wheels", "backports.tarfile", "x ; sys_platform == 'a.zip'",
]  # fmt: skip


def test_lines_that_name_files_of_a_machine() -> None:
    assert [line for line in LOCAL_LINES if not names_local_file(line)] == []
    assert [line for line in OTHER_LINES if names_local_file(line)] == []


def test_a_look_reads_and_starts_nothing_that_a_definition_names(
    workspace: Workspace,
    registry: Registry,
    program: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(pythons, "look", looked.append)
    registry.register("starts", definition("numpy", interpreterPath=str(program)))
    registry.register(
        "reads", definition("numpy", *LOCAL_LINES, *OTHER_LINES, constraints=["-r /x", "numpy<2"])
    )
    registry.register(
        "runs",
        {
            **definition(),
            "docker": {
                "arguments": ["-v", "/:/host"], "baseDockerfile": "/dev/zero",
                "buildContext": {"location": "/home"},
            },
        },
    )  # fmt: skip
    monkeypatch.setattr(commands, "find_images", lambda: None)  # the engine is not asked
    monkeypatch.setattr(commands, "_find_local", record := Recording())
    monkeypatch.setattr(kept, "list_environments", list)
    monkeypatch.setattr(commands, "list_rooms", list)
    monkeypatch.setattr(commands.Where, "workspace", lambda self: workspace)
    with caplog.at_level(logging.WARNING):
        names = [row["name"] for row in commands.list_environments(curated=False)]
        environments = {name: Environment.get(workspace, name) for name in names}
    assert names == ["reads", "runs", "starts"]
    for environment in (*environments.values(), *record.environments):
        assert environment.python.interpreter_path == "python"
        assert environment.docker.arguments == []
        assert environment.docker.build_context is environment.docker.base_dockerfile is None
        packages = environment.python.conda_dependencies
        lines = [*packages.pip_options, *packages.pip_packages]
        assert not any(map(names_local_file, lines))
    reads = environments["reads"].python.conda_dependencies
    assert environments["reads"].python.constraints == ["numpy<2"]
    assert "'-r /etc/passwd' for pip names a file of the machine" in caplog.text
    assert len([*reads.pip_options, *reads.pip_packages]) >= len(OTHER_LINES)
    for text in ("interpreter_path", "docker.arguments", "base_dockerfile", "-r /etc/passwd"):
        assert text in caplog.text
    assert looked == []
    assert not (tmp_path / "started").exists()


class Recording:
    """In place of a look for what is made of an environment on this machine."""

    def __init__(self) -> None:
        self.environments: list[Environment] = []

    def __call__(self, environment: Environment, tracker: object, local_images: object) -> None:
        self.environments.append(environment)


@pytest.mark.parametrize(
    "bad",
    [
        {"python": 5}, {"python": {"condaDependencies": {"dependencies": 7}}}, {"docker": []},
        {"python": {"condaDependencies": {"dependencies": [{"pip": {"a": 1}}]}}},
        {"python": {"condaDependencies": {"dependencies": [[1]]}}},
        {"environmentVariables": [1]}, {"docker": {"arguments": {"a": 1}}},
    ],
)  # fmt: skip
def test_a_definition_that_is_not_one_hides_no_other(
    workspace: Workspace, registry: Registry, bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    registry.register("bad", bad)
    registry.register("good", definition("numpy"))
    environments = Environment.list(workspace)
    assert "good" in environments
    assert "bad" not in environments
    assert "'bad' is left out" in caplog.text
    with pytest.raises(UserErrorException):
        Environment.get(workspace, "bad")


@pytest.mark.parametrize("line", ["./wheels/x.whl", "-e ."])
def test_a_file_of_this_machine_is_not_registered(workspace: Workspace, line: str) -> None:
    environment = Environment("e")
    environment.python.conda_dependencies.set_pip_requirements([line])
    with pytest.raises(UserErrorException, match="names a file of this machine"):
        environment.register(workspace)
    environment.python.conda_dependencies.set_pip_requirements([])
    environment.python.constraints = [f"x @ {Path.cwd().as_uri()}"]
    with pytest.raises(UserErrorException, match="names a file of this machine"):
        environment.register(workspace)


def test_requirements_files_are_registered_by_their_lines(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "all.txt").write_text("-c limits.txt\nscipy; python_version<'3.12'\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("scipy>1; python_version>='3.12'\n--pre\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("numpy<2  # for others\n")
    environment = Environment.from_pip_requirements("e", str(tmp_path / "all.txt"))
    registered = environment.register(workspace)
    assert registered == Environment.get(workspace, "e")
    assert sorted(registered.python.conda_dependencies.pip_packages) == [
        "scipy; python_version<'3.12'", "scipy>1; python_version>='3.12'",
    ]  # fmt: skip
    assert list(registered.python.conda_dependencies.pip_options) == ["--pre"]
    assert registered.python.constraints == ["numpy<2", "numpy<2"]
    assert environment.python.constraints == []  # the user's own object stays as it is
    (tmp_path / "limits.txt").unlink()
    with pytest.raises(UserErrorException, match=r"limits\.txt.* cannot be read"):
        environment.register(workspace)


def test_what_is_this_machines_is_said_to_be_left_out(
    workspace: Workspace, program: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment("e")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = str(program)
    registered = environment.register(workspace)
    assert "without its interpreter_path" in caplog.text
    assert registered.python.interpreter_path == str(program)  # the submitter's own object
    assert Environment.get(workspace, "e").python.interpreter_path == "python"


@pytest.mark.parametrize(
    "name", ["x-1.0-py3-none-..%2F..%2F..%2Fy.whl", "x-1.0-py3-none-any%00.whl", "..%2Fx.whl"]
)
def test_the_address_of_a_wheel_names_no_other_folder(name: str) -> None:
    with pytest.raises(EnvironmentBuildException, match="is not the name of a wheel"):
        parse_address(f"amlflow://wheels/{'a' * 64}/{name}")


def test_a_backslash_at_the_end_is_part_of_the_line() -> None:
    assert names_local_file("./a\\")
    assert not names_local_file("a\\")
