"""The way to a server leads through the proxy that MLflow's client takes, or past it."""

from __future__ import annotations

import pytest
from amlflow.exceptions import UserErrorException
from amlflow_mlflow.rest.pools import find_proxy
from helpers.tls_fixtures import read_experiment
from helpers.tls_servers import forward_proxy
from mlflow import MlflowClient
from requests.utils import get_environ_proxies, select_proxy

pytestmark = pytest.mark.usefixtures("no_settings")

PROXY = "http://proxy.example:3128"
SERVERS = (
    "http://host.example:5000", "http://host.example", "https://host.example:5000",
    "http://sub.host.example:80", "http://127.0.0.1:5000", "http://10.1.2.3:5000",
    "https://[::1]:5000", "http://[fd00::1]", "http://localhost:5000", "http://HOST.example:5000",
    "http://host.example.:5000",
)  # fmt: skip
ONLY_HERE = {
    ("10.1.2.3:5000", "10.1.2.3"), ("0.0.0.0/0", "127.0.0.1"), ("0.0.0.0/0", "10.1.2.3"),
    ("[::1]", "[::1]"), ("[::1]:5000", "[::1]"), ("::1/128", "[::1]"), ("fd00::/8", "[fd00::1]"),
}  # fmt: skip
"""Values of ``NO_PROXY`` and hosts that they mean, though MLflow's client uses the proxy."""


def mlflows_proxy(server: str) -> str | None:
    """The proxy that the package requests uses, with which MLflow's client makes its calls."""
    chosen: str | None = select_proxy(server, get_environ_proxies(server, no_proxy=None))
    return chosen


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "excluded",
    [
        "host.example", "host.example:5000", ".host.example", "*.host.example", "*", "*.example",
        "HOST.EXAMPLE", "example", ".example:5000", "host.example:6000", "..host.example",
        "ost.example", "host.example.", " host.example , x", "x host.example", "x;host.example",
        "*,x", "x,*", "", "localhost", "127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "10.1.2.3/32",
        "10.1.2.3", "10.1.2.3:5000", "10.1.2", "10.0.0.0/33", "0.0.0.0/0", "[::1]", "[::1]:5000",
        "::1", "::1/128", "fd00::/8", "fd00::1",
    ],
)  # fmt: skip
def test_the_same_servers_are_reached_without_a_proxy(
    name: str, excluded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(name, excluded)
    for server in SERVERS:
        host = server.split("//")[1].removesuffix(":5000").removesuffix(":80")
        expected = None if (excluded, host) in ONLY_HERE else mlflows_proxy(server)
        assert find_proxy(server) == expected, server
        if (excluded, host) in ONLY_HERE:
            assert mlflows_proxy(server) == PROXY  # otherwise it is not a difference any more


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"no_proxy": "x"},
        {"HTTP_PROXY": PROXY},
        {"http_proxy": PROXY},
        {"Http_Proxy": PROXY},
        {"HTTPS_PROXY": PROXY},
        {"all_proxy": PROXY},
        {"HTTP_PROXY": ""},
        {"HTTP_PROXY": "", "ALL_PROXY": PROXY},
        {"http_proxy": "", "HTTP_PROXY": PROXY},
        {"HTTP_PROXY": "http://upper.example:1", "http_proxy": "http://lower.example:1"},
        {"HTTP_PROXY": "http://plain.example:1", "HTTPS_PROXY": "http://tls.example:1"},
        {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "", "no_proxy": "host.example"},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "host.example", "no_proxy": ""},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "host.example", "no_proxy": "x"},
        {"HTTP_PROXY": "socks5://proxy.example:1080"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
def test_the_same_proxy_is_used(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for server in SERVERS:
        assert find_proxy(server) == mlflows_proxy(server), server


# Not among them: a user without a colon (http://me@…), and a proxy without http:// but with a user.
# amlflow sends the user's name; MLflow's client sends nothing, and refuses the second.
@pytest.mark.parametrize(
    "address",
    [
        "http://{}", "{}", "//{}", "http://{}/", "http://{}/path", "http://me:p%40ss@{}",
        "http://me:p@ss@{}", "http://me:@{}", "http://me:p%C3%BC@{}", "http://me:p%ss@{}",
        "HTTP://{}",
    ],
)  # fmt: skip
def test_a_proxy_hears_what_it_hears_from_mlflows_client(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://mlflow.example:5000/base"
    with forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", address.format(proxy.uri.removeprefix("http://")))
        assert read_experiment(uri) == "x"
        path, ours = proxy.calls[-1]
        MlflowClient(uri).get_experiment_by_name("x")
        mlflows_path, theirs = proxy.calls[-1]
    assert path == mlflows_path
    assert ours.get("Proxy-Authorization") == theirs.get("Proxy-Authorization")


@pytest.mark.parametrize(
    "address", ["ftp://me:s3cr3t@x", "http://me:s3cr3t/@x", "http://", "http://x:y", " http://x"]
)
def test_what_is_not_the_address_of_a_proxy_is_refused_by_name(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    with pytest.raises(UserErrorException, match="is not an address such as") as raised:
        read_experiment("http://mlflow.example:5000")
    assert "s3cr3t" not in str(raised.value)
