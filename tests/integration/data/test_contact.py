"""The first contact with a cloud's storage fails within seconds, and the message has no secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import aiohttp
import fsspec
import pytest
from amlflow.core.data import declared
from amlflow.core.workspace import Workspace
from amlflow.data import contact
from amlflow.data.errors import EXTRAS, TooSlow, explain_errors, without_secrets
from azureml.core import Dataset
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError
from azureml.exceptions import UserErrorException
from fsspec.asyn import AsyncFileSystem


class ClientAuthenticationError(Exception):
    """Azure's."""


class HttpResponseError(Exception):
    """Azure's, of an answer."""

    status_code = 403


class Credential:
    async def get_token(self, scope: str) -> None:
        raise ClientAuthenticationError("tried AccountKey=hunter2")


class Cloud(AsyncFileSystem):  # type: ignore[misc]
    """A storage that behaves as its class says, and counts what it was asked first."""

    protocol = "amlflowcloud"
    behaviour: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []
    gone: ClassVar[threading.Event] = threading.Event()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.behaviour == "no credentials":
            self.credential = Credential()
        if self.behaviour == "wrong settings":
            raise ValueError("connection string AccountKey=hunter2")

    async def _info(self, path: str, **options: Any) -> dict[str, Any]:
        Cloud.asked.append(path)
        if self.behaviour == "silent":
            self.gone.wait(60)
        if self.behaviour == "refuses":
            raise PermissionError("AccountKey=hunter2")
        if self.behaviour == "refuses the container" and path == "box":
            raise HttpResponseError("not for containers")
        if self.behaviour == "breaks off":
            raise aiohttp.ClientPayloadError("SECRET hunter2")
        if self.behaviour == "redirects":
            raise aiohttp.TooManyRedirects(None, ())  # type: ignore[arg-type]
        if self.behaviour == "breaks":
            raise ConnectionError("nobody is there")
        raise FileNotFoundError(path)

    async def _ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        if self.behaviour == "refuses":
            raise PermissionError("AccountKey=hunter2")
        raise FileNotFoundError(path)


@pytest.fixture
def cloud(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Cloud]]:
    fsspec.register_implementation("amlflowcloud", Cloud, clobber=True)
    monkeypatch.setattr(contact, "_answered", set())
    monkeypatch.setattr(Cloud, "asked", [])
    monkeypatch.setattr(Cloud, "gone", threading.Event())
    Cloud.clear_instance_cache()
    declared.attach(workspace, "cloud", "amlflowcloud://box/folder")
    yield Cloud
    Cloud.gone.set()
    # What still waited for an answer would ask in the next test.
    for thread in threading.enumerate():
        if thread.name == "amlflow storage":
            thread.join(30)


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        ("", DatasetValidationError, "'cloud/t.csv' has no file"),
        ("refuses the container", DatasetValidationError, "'cloud/t.csv' has no file"),
        ("no credentials", DatasetValidationError, "credentials are missing or wrong"),
        ("wrong settings", UserErrorException, r"settings or credentials \(ValueError\)"),
        ("refuses", DatasetValidationError, "access was refused. Check the credentials"),
        ("breaks", DatasetValidationError, "nobody is there"),
        ("breaks off", DatasetValidationError, "ended the connection before it had sent all"),
        ("redirects", DatasetValidationError, "redirects again and again"),
    ],
)
def test_what_is_said(
    cloud: type[Cloud],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(cloud, "behaviour", behaviour)
    with pytest.raises(error, match=message) as raised:
        Dataset.File.from_files((workspace.datastores["cloud"], "t.csv"))
    assert "hunter2" not in str(raised.value)


def test_the_variables_of_the_storage_behind_a_datastore_are_named(
    cloud: type[Cloud], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "behaviour", "refuses")
    monkeypatch.setitem(EXTRAS, "amlflowcloud", "azure")
    with pytest.raises(DatasetValidationError, match=r"'cloud/\*\.csv'.*AZURE_STORAGE_ACCOUNT_KEY"):
        Dataset.File.from_files((workspace.datastores["cloud"], "*.csv"))


def test_a_storage_that_does_not_answer(
    cloud: type[Cloud], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "behaviour", "silent")
    monkeypatch.setattr(contact, "ANSWER_S", 0.1)
    start = time.monotonic()
    with pytest.raises(DatasetValidationError, match="did not answer in time"):
        Dataset.File.from_files((workspace.datastores["cloud"], "t.csv"))
    assert time.monotonic() - start < 30
    assert cloud.asked == ["box"]
    with pytest.raises(TimeoutError):  # Python 3.10 has another class for futures
        contact.open_url("amlflowcloud://box/folder")


def test_a_storage_that_has_answered_is_not_asked_again(
    cloud: type[Cloud], workspace: Workspace
) -> None:
    for _ in range(3):
        contact.open_url("amlflowcloud://box/folder")
    assert cloud.asked == ["box"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("abfs://box@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a"),
        ("abfs://box:hunter2@account/a", "abfs://account/a"),
        ("s3://key:hunter2@bucket/a", "s3://bucket/a"),
        ("https://hunter2@host/a?sig=hunter2", "https://host/a"),
    ],
)
def test_addresses_are_shown_without_secrets(address: str, shown: str) -> None:
    assert without_secrets(f"Reading {address} failed") == f"Reading {shown} failed"


def test_a_slow_server_is_named_whatever_is_raised_from_it() -> None:
    """fsspec raises from aiohttp's error, and with Python 3.10 aiohttp raises from amlflow's."""
    client = aiohttp.ClientOSError()
    client.__cause__ = TooSlow("it has sent 3 bytes in 20 seconds")
    with (
        pytest.raises(DatasetExecutionError, match="too slow: it has sent 3 bytes"),
        explain_errors("Reading", "http://host/t.csv"),
    ):
        raise FileNotFoundError("http://host/t.csv") from client
