"""The registry of environments on real trackers, as v1's code uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import AzureMLException, UserErrorException


@pytest.fixture(params=["sqlite_uri", "trackio_uri"])
def workspace(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(request.param))
    return Workspace.from_config()


def test_what_is_registered_is_found_by_others(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment("my environment")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["numpy"], pip_indexurl="https://me:secret@example.org/simple"
    )
    registered = environment.register(workspace)
    assert (registered.name, registered.version) == ("my environment", "1")
    assert "without the passwords" in caplog.text
    assert environment.register(workspace).version == "1"
    environment.python.conda_dependencies.add_pip_package("scipy")
    assert environment.register(workspace).version == "2"

    latest = Environment.get(workspace, "my environment")
    assert latest.version == "2"
    assert list(latest.python.conda_dependencies.pip_packages) == ["numpy", "scipy"]
    options = list(latest.python.conda_dependencies.pip_options)
    assert options == ["--index-url https://example.org/simple"]
    assert Environment.get(workspace, "my environment", version="1") == registered
    Environment.label(workspace, "my environment", "1", ["production"])
    assert Environment.get(workspace, "my environment", label="production") == registered

    environments = workspace.environments
    assert environments["my environment"] == latest
    assert environments["AzureML-Minimal"] == Environment.get(workspace, "AzureML-Minimal")
    Experiment(workspace, "visible")
    assert set(workspace.experiments) - {"Default"} == {"visible"}

    with pytest.raises(UserErrorException, match="'AzureML-mine' is reserved"):
        environment.clone("AzureML-mine").register(workspace)
    with pytest.raises(AzureMLException, match="No environment 'other' is registered"):
        Environment.get(workspace, "other")
    with pytest.raises(UserErrorException, match="a version or a label, and got version='1'"):
        Environment.get(workspace, "my environment", "1", "production")
    with pytest.raises(UserErrorException, match="Environments are in a Workspace"):
        Environment.get("my environment", "1")  # type: ignore[arg-type]
