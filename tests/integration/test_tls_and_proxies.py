"""Connections to a server: certificates, proxies and credentials follow MLflow's settings."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_auth_aws_sigv4
import trustme
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import Unavailable
from amlflow_mlflow.rest.pools import find_proxy
from amlflow_mlflow.stores import open_store
from helpers.tls_servers import Heard, forward_proxy, mlflow_server
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests_auth_aws_sigv4 import AWSSigV4

PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
BUNDLES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SECRET = "s3cr3t-w0rd"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


# --- Certificates -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLES)
def test_a_server_is_trusted_whose_authority_is_named(
    name: str, server: Heard, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, bundle)
    assert read_experiment(server.uri) == "x"
    assert len(server.calls) == 2


def test_mlflows_setting_comes_before_those_of_requests(
    server: Heard, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    assert read_experiment(server.uri) == "x"


def test_another_authoritys_server_is_refused_and_hears_nothing(
    server: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    for bundle in (None, str(other)):
        if bundle is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
        with pytest.raises(Unavailable, match="in MLFLOW_TRACKING_SERVER_CERT_PATH"):
            open_store(server.uri)
    assert server.calls == []


def test_a_certificate_for_another_host_is_refused(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    with mlflow_server(server_context(authority, "other.example")) as server:
        with pytest.raises(Unavailable, match=r"not valid for|doesn't match"):
            open_store(server.uri)
        assert server.calls == []


def test_insecure_tls_checks_nothing(server: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    assert read_experiment(server.uri) == "x"


def test_settings_that_contradict_each_other_or_name_no_file_are_refused(
    server: Heard, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with pytest.raises(UserErrorException, match="both set"):
        open_store(server.uri)
    monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS")
    for name in ("MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "/missing.pem")
            with pytest.raises(UserErrorException, match=f"{name} is '/missing.pem', which does"):
                open_store(server.uri)
    assert server.calls == []


def test_a_server_that_asks_for_a_client_certificate_gets_it(
    authority: trustme.CA, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    context = server_context(authority)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client = tmp_path / "client.pem"
    authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(client)
    with mlflow_server(context) as server:
        with pytest.raises(Unavailable):
            open_store(server.uri)
        assert server.calls == []
        monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(client))
        assert read_experiment(server.uri) == "x"


# --- Proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_opens_a_tunnel_and_hears_no_credentials(
    name: str, server: Heard, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    with forward_proxy() as proxy:
        address = proxy.uri.replace("://", "://user:p%40ss@")
        monkeypatch.setenv(name, address)
        assert read_experiment(server.uri) == "x"
    host = server.uri.removeprefix("https://")
    assert {path for path, _ in proxy.calls} == {f"CONNECT {host}"}
    [(_, headers), *_] = proxy.calls
    pair = base64.b64encode(b"user:p@ss").decode()
    assert headers["Proxy-Authorization"] == f"Basic {pair}"
    assert SECRET not in str(proxy.calls)
    for _, fields in server.calls:
        assert fields["Authorization"] == f"Bearer {SECRET}"
        assert "Proxy-Authorization" not in fields


def test_a_server_without_tls_is_asked_for_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.uri)
        assert read_experiment("http://mlflow.example:5000/base") == "x"
    assert [path for path, _ in proxy.calls] == [
        "GET http://mlflow.example:5000/base/version",
        "GET http://mlflow.example:5000/base/api/2.0/mlflow/experiments/get-by-name"
        "?experiment_name=x",
    ]


@pytest.mark.parametrize(
    ("excluded", "root", "is_excluded"),
    [
        ("mlflow.example", "https://mlflow.example", True),
        ("mlflow.example", "https://mlflow.example:5000", True),
        ("mlflow.example:5000", "https://mlflow.example:5000", True),
        ("mlflow.example:5000", "https://mlflow.example:5001", False),
        ("other, .example", "https://mlflow.example", True),
        ("example", "https://mlflow.example", True),
        ("example", "https://counterexample", False),
        ("*", "https://mlflow.example", True),
        ("10.0.0.0/8", "https://10.1.2.3:5000", True),
        ("10.0.0.0/8", "https://11.1.2.3:5000", False),
        ("fd00::/8", "https://[fd00::1]:5000", True),
        ("10.0.0.0/88, x/y", "https://10.1.2.3", False),
        ("", "https://mlflow.example", False),
    ],
)
def test_no_proxy_names_hosts_and_networks(
    excluded: str, root: str, is_excluded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excluded)
    assert find_proxy(root) == (None if is_excluded else "http://proxy.example:3128")


def test_a_proxy_that_is_away_is_named_as_the_cause(
    server: Heard, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@127.0.0.1:9")
    with pytest.raises(Unavailable, match="or correct HTTPS_PROXY") as raised:
        open_store(server.uri)
    assert SECRET not in str(raised.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert read_experiment(server.uri) == "x"


# --- Credentials --------------------------------------------------------------------------------


def authorization_of(server: Heard, uri: str | None = None) -> str | None:
    server.calls.clear()
    read_experiment(uri or server.uri)
    sent = {headers.get("Authorization") for _, headers in server.calls}
    assert len(sent) == 1
    return sent.pop()


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_credentials_come_from_where_mlflow_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server() as server:
        assert authorization_of(server) is None
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        assert authorization_of(server) == "Bearer token"
        file = tmp_path / ".mlflow" / "credentials"
        file.parent.mkdir()
        file.write_text(
            "[mlflow]\nmlflow_tracking_username = filed\nmlflow_tracking_password = 50%:ü\n",
            encoding="utf-8",
        )
        assert authorization_of(server) == basic("filed", "50%:ü")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        assert authorization_of(server) == basic("me", "50%:ü")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "mine")
        assert authorization_of(server) == basic("me", "mine")
        uri = server.uri.replace("://", "://u%40team:p%3Aw@")
        assert authorization_of(server, uri) == basic("u@team", "p:w")


def test_a_file_of_credentials_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".mlflow" / "credentials"
    file.parent.mkdir()
    file.write_text(f"mlflow_tracking_password = {SECRET}\n")
    with (
        mlflow_server() as server,
        pytest.raises(UserErrorException, match="credentials cannot be read") as raised,
    ):
        open_store(server.uri)
    assert SECRET not in str(raised.value)


# --- Beside MLflow's own client -------------------------------------------------------------------


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
    "settings",
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
    ids=lambda settings: ",".join(settings) or "none",
)
def test_each_setting_is_read_as_mlflows_client_reads_it(
    settings: dict[str, str | None],
    server: Heard,
    bundle: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    if not {"SERVER_CERT_PATH", "INSECURE_TLS"} & settings.keys():
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setattr(requests_auth_aws_sigv4, "datetime", Clock)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    uri = server.uri
    for name, value in settings.items():
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
    assert (theirs or "").startswith("AWS4-HMAC-SHA256") == (settings.get("AWS_SIGV4") == "true")


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
