"""The settings of connections are read as MLflow's client reads them, or refused."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_auth_aws_sigv4
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import Unavailable
from amlflow_mlflow.rest import settings
from amlflow_mlflow.store_of_uri import open_store
from helpers.tls_fixtures import SECRET, read_experiment
from helpers.tls_servers import Heard, mlflow_server
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import MlflowHostCreds, http_request
from requests_auth_aws_sigv4 import AWSSigV4

pytestmark = pytest.mark.usefixtures("no_settings")

AWS = {
    "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "session",
}  # fmt: skip


class Clock:
    """The module ``datetime`` for signatures: two of them are equal at any time."""

    class datetime:
        @staticmethod
        def utcnow() -> Any:
            return datetime.datetime(2026, 1, 2, 3, 4, 5)


def authorization_heard(server: Heard, call: Callable[[], object]) -> str | None:
    """Make a call, and return its header Authorization, or that the server was not asked."""
    server.calls.clear()
    try:
        call()
    except (AzureMLException, MlflowException, requests.RequestException, ImportError, ValueError):
        assert server.calls == []
        return "refused"
    return server.calls[-1][1].get("Authorization")


# Not among them: ~/.netrc beside other credentials. MLflow's client then sends those of ~/.netrc,
# since the package requests puts them first, and amlflow sends those that were set for MLflow.
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"USERNAME": "me", "PASSWORD": "p:ü %"},
        {"USERNAME": "me"},
        {"PASSWORD": "p"},
        {"TOKEN": "abc"},
        {"USERNAME": "me", "PASSWORD": "p", "TOKEN": "abc"},
        {"NETRC": "yes"},
        {"CREDENTIALS": "yes"},
        {"CREDENTIALS": "yes", "USERNAME": "other"},
        {"CREDENTIALS": "yes", "TOKEN": "abc"},
        {"SERVER_CERT_PATH": None},
        {"SERVER_CERT_PATH": None, "INSECURE_TLS": "true"},
        {"SERVER_CERT_PATH": "/nowhere.pem"},
        {"INSECURE_TLS": "true"},
        {"INSECURE_TLS": "TRUE", "TOKEN": "abc"},
        {"INSECURE_TLS": "1"},
        {"CLIENT_CERT_PATH": "/nowhere.pem"},
        {"SERVER_CERT_PATH": None, "INSECURE_TLS": "false"},
        {"SERVER_CERT_PATH": None, "INSECURE_TLS": "yes"},
        {"AWS_SIGV4": "true"},
        {"AWS_SIGV4": "true", "USERNAME": "me", "PASSWORD": "p"},
        {"AWS_SIGV4": "false", "TOKEN": "abc"},
        {"AWS_SIGV4": "yes"},
        {"AUTH": "nobody"},
        {"AUTH": "kubernetes"},
        {"TOKEN": "abc\n"},
        {"TOKEN": "ab€"},
        {"_NETRC": "yes"},
        {"CREDENTIALS": "50%%:x"},
        {"URI": "u%40team:p%3Aw"},
        {"URI": "me:p", "USERNAME": "other", "PASSWORD": "p"},
        {"URI": "me:p", "TOKEN": "abc"},
    ],
    ids=lambda variables: ",".join(variables) or "none",
)
def test_each_setting_is_read_as_mlflows_client_reads_it(
    variables: dict[str, str | None],
    server: Heard,
    bundle: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    if not {"SERVER_CERT_PATH", "INSECURE_TLS"} & variables.keys():
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setattr(requests_auth_aws_sigv4, "datetime", Clock)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    uri = server.uri
    for name, value in variables.items():
        if name in ("NETRC", "_NETRC"):
            file = tmp_path / f".{name.lower()}".replace("._", "_")
            file.write_text("machine 127.0.0.1 login net password rc\n")
        elif name == "CREDENTIALS":
            (tmp_path / ".mlflow").mkdir()
            (tmp_path / ".mlflow" / "credentials").write_text(
                f"[mlflow]\nmlflow_tracking_username = filed\nmlflow_tracking_password = {value}\n"
            )
        elif name == "URI":
            uri = uri.replace("://", f"://{value}@")
        else:
            monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value or bundle)
    ours = authorization_heard(server, lambda: read_experiment(uri))
    theirs = authorization_heard(server, lambda: MlflowClient(uri).get_experiment_by_name("x"))
    assert ours == theirs
    assert (theirs or "").startswith("AWS4-HMAC-SHA256") == (variables.get("AWS_SIGV4") == "true")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRACKING_TOKEN", f"{SECRET}\n"),
        ("TRACKING_TOKEN", f"{SECRET}\r\nX-Other: 1"),
        ("TRACKING_TOKEN", f"{SECRET}€"),
        ("WORKSPACE", "a\nX-Other: 1"),
        ("TRACKING_INSECURE_TLS", "yes"),
        ("TRACKING_AWS_SIGV4", "yes"),
        ("ALLOW_HTTP_REDIRECTS", "yes"),
        ("HTTP_REQUEST_TIMEOUT", "0"),
        ("HTTP_REQUEST_TIMEOUT", "soon"),
        ("HTTP_REQUEST_MAX_RETRIES", "2.5"),
        ("HTTP_REQUEST_MAX_RETRIES", "-1"),
        ("HTTP_REQUEST_BACKOFF_JITTER", "x"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variables_name_and_without_secrets(
    name: str, value: str, server: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_HTTP_REDIRECTS", "true")
    monkeypatch.setenv(f"MLFLOW_{name}", value)
    with pytest.raises(UserErrorException, match=f"MLFLOW_{name} ") as raised:
        read_redirected(server)
    assert SECRET not in str(raised.value)
    assert not any("X-Other" in headers for _, headers in server.calls)


@pytest.mark.parametrize("name", ["team", " team ", "", "  ", None])
def test_the_workspace_is_sent_as_mlflows_client_sends_it(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_WORKSPACE", raising=False)
    if name is not None:
        monkeypatch.setenv("MLFLOW_WORKSPACE", name)
    with mlflow_server() as server:
        http_request(MlflowHostCreds(server.uri), "/api/2.0/mlflow/experiments/get", "GET")
        theirs = server.calls[-1][1].get("X-Mlflow-Workspace")
        assert settings.headers(server.uri).get("X-MLFLOW-WORKSPACE") == theirs
    assert theirs == ("team" if name and name.strip() else None)


def read_redirected(server: Heard) -> None:
    """Make a call that the server redirects once, within itself."""
    server.redirects["/base/api/2.0/mlflow/experiments/get-by-name"] = "/moved"
    assert read_experiment(f"{server.uri}/base") == "x"


def test_redirects_are_followed_unless_mlflows_setting_says_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mlflow_server() as server:
        read_redirected(server)
        assert server.calls[-1][0] == "/moved"
        server.calls.clear()
        monkeypatch.setenv("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
        with pytest.raises(AzureMLException):
            read_redirected(server)
        assert "/moved" not in [path for path, _ in server.calls]


def test_a_call_cannot_be_signed_without_credentials_of_aws(
    server: Heard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "true")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserErrorException, match="set AWS_ACCESS_KEY_ID"):
        open_store(server.uri)
    monkeypatch.setitem(sys.modules, "requests_auth_aws_sigv4", None)
    with pytest.raises(UserErrorException, match="pip install requests-auth-aws-sigv4"):
        open_store(server.uri)
    assert server.calls == []


def test_a_signature_covers_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_auth_aws_sigv4, "datetime", Clock)
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "true")
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with mlflow_server() as server:
        with contextlib.suppress(Unavailable):  # it is another experiment
            open_store(server.uri).get_experiment_by_name("größe & x/y")
        [(path, heard)] = [call for call in server.calls if "get-by-name" in call[0]]
        again = requests.Request("GET", server.uri + path, auth=AWSSigV4("execute-api")).prepare()
    assert heard["Authorization"] == again.headers["Authorization"]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH"])
def test_a_server_without_tls_needs_no_certificates(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/missing.pem")
    with mlflow_server() as server:
        assert read_experiment(server.uri) == "x"


@pytest.mark.parametrize("name", ["SERVER", "CLIENT"])
def test_a_file_without_a_certificate_is_said_to_be_one(
    name: str, server: Heard, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate\n")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    monkeypatch.setenv(f"MLFLOW_TRACKING_{name}_CERT_PATH", str(text))
    with pytest.raises(Unavailable, match="has no certificate in the PEM format"):
        open_store(server.uri)
