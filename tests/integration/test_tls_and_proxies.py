"""Connections to a server: certificates, proxies and credentials follow MLflow's settings."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import trustme
from amlflow.exceptions import UserErrorException
from amlflow.spec import Unavailable
from amlflow_mlflow.rest.pools import find_proxy
from amlflow_mlflow.store_of_uri import open_store
from helpers.flaky_proxy import start_proxy
from helpers.tls_fixtures import BUNDLES, SECRET, read_experiment, server_context
from helpers.tls_servers import Heard, forward_proxy, mlflow_server

pytestmark = pytest.mark.usefixtures("no_settings")

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


def test_a_server_without_tls_is_told_from_its_first_answer() -> None:
    with (
        start_proxy("http://127.0.0.1:9") as (_, uri),
        pytest.raises(Unavailable, match="begins with http: and not with https:"),
    ):
        open_store(uri.replace("http:", "https:"))


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
