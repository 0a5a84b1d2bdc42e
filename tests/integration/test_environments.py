"""The registry of environments on real trackers, used as in v1."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from amlflow.environments.kept import list_environments
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import AzureMLException, UserErrorException
from helpers import wheels
from helpers.tiny_environments import only_links, set_variables


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


def test_a_build_makes_what_scripts_run_with(
    store: str,
    jobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", "1.0")
    set_variables(monkeypatch, only_links(tmp_path / "wheels"))
    workspace = Workspace.from_config()
    environment = Environment("tiny")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["amlflow-tiny"])
    details = environment.get_image_details(workspace)
    assert (details.image_exist, details.interpreter_path, details.image) == (False, None, None)

    build = environment.build(workspace)
    assert build.wait_for_completion(show_output=True) is build
    output = capsys.readouterr().out
    assert output.startswith("Image Build Status: Running\n")
    assert output.endswith("\nImage Build Status: Succeeded\n\n")
    assert build.get_log() in output
    assert Environment.get(workspace, "tiny").version == "1"
    details = environment.get_image_details(workspace)
    assert details.image_exist
    assert Path(str(details.interpreter_path)).is_file()
    assert str(details.interpreter_path).startswith(str(details.environment_path))
    environment.build_local(workspace)
    assert "was made before" in capsys.readouterr().out

    private = wheels.write_tiny(tmp_path, "amlflow-private", "1.0")
    address = Environment.add_private_pip_wheel(workspace, str(private))
    environment.python.conda_dependencies.add_pip_package(address)
    environment.build_local(workspace)
    python = environment.get_image_details(workspace).interpreter_path
    subprocess.run([str(python), "-c", "import amlflow_private, amlflow_tiny"], check=True)
    [made] = [made for made in list_environments() if made.python == Path(str(python))]
    assert made.packages == [f"amlflow-private @ {address}", "amlflow-tiny==1.0"]
    environment.python.conda_dependencies.remove_pip_package(address)

    environment.python.conda_dependencies.add_pip_package("amlflow-tiny==9")
    build = environment.build(workspace)
    assert build.wait_for_completion(show_output=False).status == "Failed"
    assert "there is no version of amlflow-tiny==9" in build.get_log()
    with pytest.raises(UserErrorException, match="there is no version of amlflow-tiny==9"):
        environment.build_local(workspace)
    environment.python.user_managed_dependencies = True
    assert environment.build(workspace).wait_for_completion(False).status == "Succeeded"


def test_a_build_of_an_image_without_a_daemon(
    store: str, jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages become a virtual environment, as of a submitted script; all else cannot be made."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    workspace = Workspace.from_config()
    wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", "1.0")
    set_variables(monkeypatch, only_links(tmp_path / "wheels"))
    environment = Environment("tiny")
    environment.docker.base_image = "debian:12"
    build = environment.build(workspace).wait_for_completion(False)
    assert build.status == "Failed"
    assert "No Docker daemon answers" in build.get_log()
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["amlflow-tiny"])
    build = environment.build(workspace).wait_for_completion(False)
    assert build.status == "Succeeded"
    assert "A virtual environment is made instead." in build.get_log()
    assert environment.get_image_details(workspace).image_exist
    environment.docker.base_image = None
    environment.docker.base_dockerfile = "FROM debian:12"
    assert environment.build(workspace).wait_for_completion(False).status == "Failed"
