"""A submitted script runs in an environment that is made of what its definition names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import ActivityFailedException
from helpers import wheels
from helpers.submitted_jobs import ended, submit

CODE = """
import sys, amlflow_tiny
from azureml.core import Run
run = Run.get_context()
run.log("version", amlflow_tiny.VERSION)
run.tag("python", sys.executable)
"""


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is the only index."""
    for version in ("1.0", "2.0"):
        wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", version)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return tmp_path / "wheels"


def environment_of(links: Path, *packages: str) -> Environment:
    environment = Environment("tiny")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=packages)
    environment.python.conda_dependencies.set_pip_option(f"--find-links {links}")
    return environment


def test_a_script_runs_with_the_packages_that_it_asks_for(experiment: Any, links: Path) -> None:
    environment = environment_of(links, "amlflow-tiny==1.0", "azureml-defaults")
    first = submit(experiment, CODE, environment=environment)
    assert ended(first) == "Completed"
    assert first.get_metrics() == {"version": "1.0"}
    python = first.get_tags()["python"]
    assert python != sys.executable
    second = submit(experiment, CODE, environment=environment.clone("another name"))
    assert ended(second) == "Completed"
    assert second.get_tags()["python"] == python


def test_an_environment_that_cannot_be_made_fails_the_run(experiment: Any, links: Path) -> None:
    run = submit(experiment, CODE, environment=environment_of(links, "amlflow-tiny==3.0"))
    assert ended(run) == "Failed"
    with pytest.raises(ActivityFailedException) as raised:
        run.wait_for_completion()
    assert "there is no version of amlflow-tiny==3.0" in str(raised.value)


def test_packages_that_are_there_make_no_environment(
    experiment: Any, links: Path, tmp_path: Path
) -> None:
    code = "import sys; from azureml.core import Run; Run.get_context().tag('p', sys.executable)"
    for environment in (environment_of(links, "pytest"), environment_of(links, "azureml-sdk")):
        run = submit(experiment, code, environment=environment)
        assert ended(run) == "Completed"
        assert run.get_tags()["p"] == sys.executable
    assert not (tmp_path / "state" / "environments").exists()
