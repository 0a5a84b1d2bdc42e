"""Fixtures for connections: no settings of this machine, an authority, and a server with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from amlflow_mlflow.store_of_uri import open_store

from helpers.tls_servers import Heard, mlflow_server

PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
BUNDLES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SECRET = "s3cr3t-w0rd"
"""What no error may show."""


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*PROXY_SETTINGS, *BUNDLES):
        for spelling in (name, name.lower()):
            monkeypatch.delenv(spelling, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The authority's PEM file."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def tls_server(authority: trustme.CA) -> Iterator[Heard]:
    with mlflow_server(server_context(authority)) as heard:
        yield heard


@pytest.fixture
def server(tls_server: Heard) -> Heard:
    tls_server.calls.clear()
    return tls_server


def read_experiment(uri: str) -> str:
    """Open the store and make a call; the name of the experiment."""
    experiment = open_store(uri).get_experiment_by_name("x")
    assert experiment is not None
    return experiment.name
