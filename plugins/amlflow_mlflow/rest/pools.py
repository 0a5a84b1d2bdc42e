"""Pools of connections to a server, with the certificates and proxies of MLflow's client."""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from amlflow.exceptions import UserErrorException
from amlflow.spec import redacted
from urllib3.exceptions import LocationParseError, MaxRetryError, ProxyError, SSLError
from urllib3.util import Url, parse_url

from amlflow_mlflow.rest import settings
from amlflow_mlflow.rest.limited_reads import limit_reads

CONNECTIONS = 16
"""How many connections are kept for later calls."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF", "RECORD_LAYER_FAILURE", "record layer failure")
"""What OpenSSL says of an answer without TLS. The words depend on its version."""


def find_proxy(root: str) -> str | None:
    """Find the proxy for a server in the environment or the system's settings. None if none."""
    if _has_only_environment() and not any(name[-6:].lower() == "_proxy" for name in os.environ):
        return None  # at once, since each call asks, and the functions below read all variables
    parts = urlsplit(root)
    if urllib.request.proxy_bypass(parts.netloc) or _is_excluded(parts.netloc, parts.hostname):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _has_only_environment() -> bool:
    """Whether this system has no settings of proxies besides environment variables."""
    return urllib.request.getproxies is urllib.request.getproxies_environment


def open_pool(tls: settings.Tls, proxy: str | None) -> urllib3.PoolManager:
    """Open a pool. Raises :class:`UserErrorException` if the proxy cannot be used."""
    pool = _open(tls, proxy)
    limit_reads(pool)
    return pool


def _open(tls: settings.Tls, proxy: str | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {"maxsize": CONNECTIONS}
    if not tls.verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        options["cert_reqs"] = "CERT_NONE"
    elif tls.ca_bundle is not None:
        kind = "ca_cert_dir" if os.path.isdir(tls.ca_bundle) else "ca_certs"
        options |= {"cert_reqs": "CERT_REQUIRED", kind: tls.ca_bundle}
    else:
        options |= {"cert_reqs": "CERT_REQUIRED", **_known_authorities()}
    if tls.client_certificate is not None:
        options["cert_file"] = tls.client_certificate
    if proxy is None:
        return urllib3.PoolManager(**options)
    if "://" not in proxy:
        proxy = f"http://{proxy.removeprefix('//')}"
    if proxy.startswith("socks"):
        return _open_socks_pool(proxy, options)
    _check_address(proxy)
    auth = urlsplit(proxy)
    headers = {}
    if auth.username is not None:
        pair = f"{unquote(auth.username)}:{unquote(auth.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=pair)
    return urllib3.ProxyManager(redacted(proxy), proxy_headers=headers, **options)


def certificate_hint(error: BaseException) -> str | None:
    """Say what to do about an error of TLS or of the proxy. None for other errors."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, ProxyError):
        return "Start the proxy, or correct HTTPS_PROXY, HTTP_PROXY or NO_PROXY."
    if not isinstance(reason, SSLError):
        return None
    if any(sign in str(reason) for sign in ("NO_CERTIFICATE", "PEM lib", "NO_START_LINE")):
        return (
            "A file that MLFLOW_TRACKING_SERVER_CERT_PATH, MLFLOW_TRACKING_CLIENT_CERT_PATH or "
            "REQUESTS_CA_BUNDLE names has no certificate in the PEM format."
        )
    if "CERTIFICATE_REQUIRED" in str(reason):
        return "Name your client certificate in MLFLOW_TRACKING_CLIENT_CERT_PATH."
    if any(sign in str(reason) for sign in _NO_TLS):
        return "If the server has no TLS, its address begins with http: and not with https:."
    causes = [argument for argument in reason.args if isinstance(argument, BaseException)]
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return (
            "Name the PEM file of the authority that signed the server's certificate in "
            "MLFLOW_TRACKING_SERVER_CERT_PATH."
        )
    return None


def _check_address(proxy: str) -> None:
    try:
        parts = parse_url(proxy)
    except LocationParseError:
        parts = Url()
    if parts.scheme not in ("http", "https") or not parts.host:
        raise UserErrorException(
            f"The proxy {redacted(proxy)!r} is not an address such as http://proxy.example:3128; "
            "correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY."
        )


def _open_socks_pool(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    try:
        # Few users have such a proxy, and it needs another package.
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError as error:
        raise UserErrorException(
            f"The proxy {redacted(proxy)} needs the package PySocks: pip install pysocks."
        ) from error
    return SOCKSProxyManager(proxy, **options)


def _is_excluded(address: str, host: str | None) -> bool:
    """Whether ``NO_PROXY`` has a host or port, its domain, its address or a network of it.

    An empty ``no_proxy`` does not hide ``NO_PROXY``, as for the package requests. That package does
    not know networks and brackets of IPv6, ``0.0.0.0/0``, nor an address with its port.
    """
    excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if urllib.request.proxy_bypass_environment(address, {"no": excluded}):  # type: ignore[attr-defined]
        return True
    try:
        number = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return any(_is_within(number, entry.strip()) for entry in excluded.split(","))


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    """Whether an address is in a network, or is the address itself."""
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _known_authorities() -> dict[str, str]:
    """Return certifi's authorities, as MLflow's client does. Without certifi, the system's."""
    try:
        # Another package has usually installed it.
        import certifi
    except ImportError:
        return {}
    return {"ca_certs": certifi.where()}
