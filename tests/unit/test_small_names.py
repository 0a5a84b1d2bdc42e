"""Names that many v1 scripts import or set, but that do little in amlflow."""

from __future__ import annotations

import base64
import importlib
import logging
import pickle
from typing import Any

import pytest
from amlflow.core.console import warn_once
from amlflow.core.scripts.prepared_script import _check_whole
from azureml.core import ContainerRegistry, Environment, ScriptRunConfig, Workspace
from azureml.core import authentication as auth
from azureml.core.runconfig import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    MPI_CPU_IMAGE,
    RunConfiguration,
)
from azureml.exceptions import AuthenticationException, UserErrorException

# authentication

OBJECTS = [
    auth.InteractiveLoginAuthentication(),
    auth.InteractiveLoginAuthentication(force=True, tenant_id="t"),
    auth.AzureCliAuthentication(),
    auth.MsiAuthentication(identity_config={"client_id": "c"}),
    auth.ServicePrincipalAuthentication("t", "id", service_principal_password="hunter2"),
]


@pytest.fixture(autouse=True)
def _nobody_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    warn_once.cache_clear()
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.mark.parametrize("identity", OBJECTS, ids=lambda identity: type(identity).__name__)
def test_the_header_is_the_tracking_servers(identity: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthenticationException, match="MLFLOW_TRACKING_TOKEN") as caught:
        identity.get_authentication_header()
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cr3t")
    assert identity.get_authentication_header() == {"Authorization": "Bearer s3cr3t"}
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass")
    pair = base64.b64encode(b"ada:pass").decode()
    assert identity.get_authentication_header() == {"Authorization": f"Basic {pair}"}
    with pytest.raises(AuthenticationException, match="has no token of Azure"):
        identity.get_token("https://management.azure.com/.default")


def test_no_secret_of_azure_is_kept() -> None:
    for identity in OBJECTS:
        assert b"hunter2" not in pickle.dumps(identity)


def test_a_token_of_the_callers_own() -> None:
    asked = []

    def token(audience: auth.Audience) -> str:
        asked.append(audience)
        return f"token for {audience.value}"

    identity = auth.TokenAuthentication(token)
    assert identity.get_authentication_header() == {"Authorization": "Bearer token for ARM"}
    assert identity.get_token(auth.Audience.AZUREML) == "token for AZUREML"
    assert asked == [auth.Audience.ARM, auth.Audience.AZUREML]
    with pytest.raises(UserErrorException, match="is not a function"):
        auth.TokenAuthentication("token")  # type: ignore[arg-type]
    arm = auth.ArmTokenAuthentication("one")
    arm.update_arm_access_token("two")
    assert arm.get_authentication_header() == {"Authorization": "Bearer two"}


def test_a_workspace_takes_it(folder: Any) -> None:
    identity = auth.AzureCliAuthentication()
    Workspace("s", "g", "w", auth=identity).write_config()
    for workspace in (
        Workspace("s", "g", "w", auth=identity),
        Workspace.from_config(auth=identity),
    ):
        assert workspace._auth_object is identity
    assert type(Workspace("s", "g", "w")._auth_object) is auth.InteractiveLoginAuthentication


def test_what_msi_does_not_know() -> None:
    with pytest.raises(UserErrorException, match="colour"):
        auth.MsiAuthentication(colour="red")


# modules


def test_the_private_module_of_the_exceptions() -> None:
    private = importlib.import_module("azureml.exceptions._azureml_exception")
    assert private.UserErrorException is UserErrorException


@pytest.mark.parametrize(
    ("name", "address"),
    [("MNIST", "/mnist"), ("NycTlcGreen", "/nyctlc/green"), ("PublicHolidays", "/holidaydata")],
)
def test_an_open_data_set_says_where_its_files_are(name: str, address: str) -> None:
    with pytest.raises(ImportError, match="azureopendatastorage") as caught:
        exec(f"from azureml.opendatasets import {name}", {})
    assert address in str(caught.value)


# run configurations


def test_what_scripts_set_as_a_matter_of_course(caplog: pytest.LogCaptureFixture) -> None:
    config = RunConfiguration()
    with caplog.at_level(logging.WARNING):
        config.environment.spark.precache_packages = False
        config.history.output_collection = True
        config.amlcompute.vm_size = "STANDARD_D2_V2"
        config.environment.docker.base_image = DEFAULT_CPU_IMAGE
        Environment("e", workspace="ws")
    assert caplog.text == ""
    Environment("e", colour="red")
    assert "ignores colour" in caplog.text


@pytest.mark.parametrize("image", [DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE, MPI_CPU_IMAGE, None, ""])
def test_v1s_default_images_name_none(image: str | None) -> None:
    environment = Environment("e")
    environment.docker.base_image = image
    assert environment.docker.image() is None


def test_a_registry_comes_before_the_images_name(caplog: pytest.LogCaptureFixture) -> None:
    config = RunConfiguration()
    docker = config.environment.docker
    docker.base_image = "team/image:1"
    docker.base_image_registry.address = "registry.example.com"
    assert docker.image() == "registry.example.com/team/image:1"
    docker.base_image = "registry.example.com/team/image:1"
    assert docker.image() == "registry.example.com/team/image:1"
    docker.base_image_registry.username = "ada"
    docker.base_image_registry.password = "hunter2"
    assert "hunter2" not in repr(docker)
    _check_whole(ScriptRunConfig(".", script="x.py", run_config=config))
    assert "docker login registry.example.com" in caplog.text
    assert "hunter2" not in caplog.text
    registry = ContainerRegistry()
    registry.address = "r.example.com"
    environment = Environment.from_docker_image("e", "image", container_registry=registry)
    assert environment.docker.image() == "r.example.com/image"


def test_a_password_is_in_no_file(tmp_path: Any) -> None:
    config = RunConfiguration()
    config.environment.docker.base_image_registry.password = "hunter2"
    config.save(tmp_path, "a")
    config.environment.save_to_directory(tmp_path / "env")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if "hunter2" in path.read_text()]


def test_what_a_run_keeps_is_not_chosen(caplog: pytest.LogCaptureFixture) -> None:
    config = RunConfiguration()
    config.history.snapshot_project = False
    _check_whole(ScriptRunConfig(".", script="x.py", run_config=config))
    assert "run_config.history is ignored" in caplog.text
