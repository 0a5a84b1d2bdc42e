"""The environment variables of MLflow's client: credentials, certificates, retries.

They are read again for each call, since a token may change while a process runs. The first of these
credentials is used: a user name and password in the tracking URI; ``MLFLOW_TRACKING_USERNAME`` and
``MLFLOW_TRACKING_PASSWORD``, each also from ``~/.mlflow/credentials``; ``MLFLOW_TRACKING_TOKEN``;
``~/.netrc``. ``MLFLOW_TRACKING_AUTH`` and ``MLFLOW_TRACKING_AWS_SIGV4`` choose what signs calls.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from amlflow.exceptions import UserErrorException
from amlflow.installed import entry_points_of

if TYPE_CHECKING:
    import configparser

HEADERS = "mlflow.request_header_provider"
"""The group of entry points that add headers to MLflow's calls."""
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables of the package requests. MLflow's client uses that package."""
USERNAME = "MLFLOW_TRACKING_USERNAME"
PASSWORD = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - the name of the variable
TIMEOUT_S = 120.0
RETRIES = 7.0
BACKOFF_FACTOR, BACKOFF_JITTER = 2.0, 1.0


@dataclass(frozen=True, slots=True)
class Tls:
    """How to check a server's certificate, and the client's own one. Paths are of PEM files."""

    verify: bool
    ca_bundle: str | None
    client_certificate: str | None


NO_TLS = Tls(True, None, None)
"""The settings for a server without TLS, for which MLflow's client reads none."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to repeat a call, and the factor and jitter of the pauses, in seconds."""

    count: int
    factor: float
    jitter: float


def tls() -> Tls:
    """Read the settings of TLS, also those of requests, which MLflow's client uses."""
    insecure = _is_true("MLFLOW_TRACKING_INSECURE_TLS")
    if insecure and os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
        raise UserErrorException(
            "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH are both set, and "
            "the one turns off what the other is for; remove one of them."
        )
    bundle = None if insecure else _path_in("MLFLOW_TRACKING_SERVER_CERT_PATH", *_BUNDLES)
    return Tls(not insecure, bundle, _path_in("MLFLOW_TRACKING_CLIENT_CERT_PATH"))


def storage_tls() -> Tls:
    """Read the settings of TLS for the object storage behind a server."""
    if _is_true("MLFLOW_S3_IGNORE_TLS"):
        return Tls(False, None, None)
    return Tls(True, _path_in(*_BUNDLES), None)


def timeout_s() -> float:
    """Return how many seconds to wait for an answer."""
    seconds = _number("MLFLOW_HTTP_REQUEST_TIMEOUT", TIMEOUT_S)
    if not seconds:
        raise UserErrorException(
            "MLFLOW_HTTP_REQUEST_TIMEOUT is 0, so no answer could arrive in time; set it to a "
            "number of seconds."
        )
    return seconds


def follows_redirects() -> bool:
    """Return whether to follow redirects, which lead to the same server only."""
    return _is_true("MLFLOW_ALLOW_HTTP_REDIRECTS", "true")


def retries() -> Retries:
    """Read how to repeat calls."""
    count = _number("MLFLOW_HTTP_REQUEST_MAX_RETRIES", RETRIES)
    if not count.is_integer():
        raise UserErrorException(
            f"MLFLOW_HTTP_REQUEST_MAX_RETRIES is '{count}', which is not a whole number."
        )
    return Retries(
        int(count),
        _number("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", BACKOFF_FACTOR),
        _number("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", BACKOFF_JITTER),
    )


def respects_retry_after() -> bool:
    """Return whether to wait as long as a busy server asks."""
    return _is_true("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "true")


def sends_directly() -> bool | None:
    """Return whether large files go directly to the storage. None if the server is to say it."""
    return _is_true_if_set("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD")


def reads_directly() -> bool | None:
    """Return whether files come directly from the storage. None if the server is to say it."""
    return _is_true_if_set("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD")


def direct_minimum_bytes() -> int:
    """Return from which size on a file goes directly to the storage."""
    return _bytes("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", 500 * 1024**2)


def part_bytes() -> int:
    """Return how large the parts are in which a file goes directly to the storage."""
    return max(1, _bytes("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", 10 * 1024**2))


def user_name() -> str | None:
    """Return the user name for servers, from the environment or MLflow's file."""
    return _pair()[0]


def has_credentials(uri: str) -> bool:
    """Whether calls to a server contain credentials."""
    user, password = _pair()
    return bool(
        "@" in urlsplit(uri).netloc
        or user
        or password
        or os.environ.get("MLFLOW_TRACKING_TOKEN")
        or signer_name()
    )


def headers(uri: str) -> dict[str, str]:
    """Return the headers of calls to a server: of packages, the workspace, and credentials."""
    fields = _added_headers()
    workspace = os.environ.get("MLFLOW_WORKSPACE", "").strip()
    if workspace:
        fields.setdefault("X-MLFLOW-WORKSPACE", _check_header("MLFLOW_WORKSPACE", workspace))
    authorization = _authorization(uri)
    if authorization is not None:
        fields["Authorization"] = authorization
    return fields


def variables_from_file() -> dict[str, str]:
    """Return MLflow's variables for the user and the password that are in the user's file.

    Empty if there are none. Raises :class:`UserErrorException` if the file is damaged.
    """
    user, password = _pair()
    if not (user and password) or (user, password) == _pair_in(os.environ):
        return {}
    return {USERNAME: user, PASSWORD: password}


def signer_name() -> str | None:
    """Return what signs each call: ``aws-sigv4``, or the name that a package gives it; or None."""
    if _is_true("MLFLOW_TRACKING_AWS_SIGV4"):
        return "aws-sigv4"
    return os.environ.get("MLFLOW_TRACKING_AUTH") or None


def open_signer(name: str) -> Any:
    """Open what signs ``requests`` calls. Raises :class:`UserErrorException` if it is missing."""
    try:
        if name == "aws-sigv4":
            # Only installed by users who need it.
            from requests_auth_aws_sigv4 import AWSSigV4

            return _open_sigv4(AWSSigV4)
        # They take seconds to import, and find what packages add.
        from mlflow.exceptions import MlflowException
        from mlflow.tracking.request_auth.registry import fetch_auth

        try:
            return fetch_auth(name)
        except MlflowException as error:
            raise UserErrorException(f"MLFLOW_TRACKING_AUTH is {name!r}: {error}") from error
    except ImportError as error:
        package = "requests-auth-aws-sigv4" if name == "aws-sigv4" else "mlflow-skinny"
        raise UserErrorException(
            f"Calls to the tracking server are to be signed by {name!r}, which needs the package "
            f"{error.name or package}: pip install {package}."
        ) from error


def _open_sigv4(signer: Any) -> Any:
    try:
        return signer("execute-api")
    except (AttributeError, KeyError, ValueError) as error:  # without credentials or a region
        raise UserErrorException(
            "MLFLOW_TRACKING_AWS_SIGV4 is set, and there are no AWS credentials or no region to "
            "sign with; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION."
        ) from error


def _authorization(uri: str) -> str | None:
    parts = urlsplit(uri)
    if parts.username is not None:
        return _basic(unquote(parts.username), unquote(parts.password or ""))
    user, password = _pair()
    if user and password:
        return _basic(user, password)
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if token:
        return f"Bearer {_check_header('MLFLOW_TRACKING_TOKEN', token)}"
    entry = _netrc_entry(parts.hostname or "", os.environ)
    return None if entry is None else _basic(entry[0], entry[2] or "")


def possible_authorizations(host: str, environ: Mapping[str, str]) -> list[str]:
    """Return the headers that one or another version of MLflow's client sends to a host.

    Some versions read ``~/.mlflow/credentials``, and some prefer ``~/.netrc``. Raises
    UserErrorException for an entry there without a password: who knows the user name knows the
    header.
    """
    found = []
    if entry := _netrc_entry(host, environ):
        login, _, secret = entry
        if not secret:
            raise UserErrorException(
                f"The entry in {_netrc_file(environ)} that MLflow's client uses for {host} has no "
                "password, so other users of this machine could send the same; add a password, or "
                "remove the entry."
            )
        found.append(_basic(login, secret))
    for user, password in (_pair_in(environ), _pair(environ)):
        if user and password:
            found.append(_basic(user, password))
    if token := environ.get("MLFLOW_TRACKING_TOKEN"):
        found.append(f"Bearer {token}")
    return found


def _netrc_entry(host: str, environ: Mapping[str, str]) -> tuple[str, str, str | None] | None:
    """Return the user name, account and password for a host, or None."""
    file = _netrc_file(environ)
    if not os.path.exists(file):
        return None
    # Few users have such a file, and each process of the others is faster without it.
    import netrc

    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(file).authenticators(host)
    return None


def _netrc_file(environ: Mapping[str, str]) -> str:
    """Return the file that the package requests reads. Its second name is for Windows."""
    named = environ.get("NETRC")
    files = [named] if named else [os.path.expanduser(name) for name in ("~/.netrc", "~/_netrc")]
    return next((file for file in files if os.path.exists(file)), files[0])


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _pair_in(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    return environ.get(USERNAME), environ.get(PASSWORD)


def _pair(environ: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
    """Return user name and password, each from the environment, or else from MLflow's file."""
    user, password = _pair_in(environ)
    if user and password:
        return user, password
    path = os.path.expanduser("~/.mlflow/credentials")
    if os.path.exists(path):
        # Few users have such a file, and each process of the others is faster without it.
        import configparser

        file = configparser.ConfigParser()
        try:
            file.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            raise UserErrorException(
                f"The file {path} cannot be read as MLflow's credentials "
                f"({type(error).__name__}); correct or remove it."
            ) from None
        if file.has_section("mlflow"):
            section = file["mlflow"]
            user = user or _value(section, "mlflow_tracking_username")
            password = password or _value(section, "mlflow_tracking_password")
    return user, password


def _value(section: configparser.SectionProxy, key: str) -> str | None:
    """Return a value in which ``%%`` is written for ``%``. A single ``%`` is not refused."""
    # Imported here for the same reason.
    import configparser

    try:
        return section.get(key)
    except configparser.InterpolationError:
        return section.get(key, raw=True)


@functools.cache
def header_providers() -> tuple[Any, ...]:
    """Make the objects of packages that add headers. Once, as it reads all installed packages."""
    return tuple(entry.load()() for entry in entry_points_of(HEADERS))


def _added_headers() -> dict[str, str]:
    fields: dict[str, str] = {}
    for provider in header_providers():
        if provider.in_context():
            fields.update(provider.request_headers())
    return fields


def _path_in(*names: str) -> str | None:
    """Return the path in the first variable that is set. Raises an error if it does not exist."""
    for name in names:
        if path := os.environ.get(name):
            if not os.path.exists(path):
                raise UserErrorException(
                    f"{name} is {path!r}, which does not exist; it names a PEM file."
                )
            return path
    return None


def _is_true(name: str, default: str = "false") -> bool:
    text = os.environ.get(name) or default
    if text.lower() not in ("true", "1", "false", "0"):
        raise UserErrorException(f"{name} is {text!r}; it takes true or false.")
    return text.lower() in ("true", "1")


def _is_true_if_set(name: str) -> bool | None:
    return _is_true(name) if os.environ.get(name) else None


def _bytes(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise UserErrorException(f"{name} is {text!r}, which is not a number of bytes.")
    return int(text)


def _number(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise UserErrorException(f"{name} is {text!r}, which is not a number from 0 to a million.")
    return number


def _check_header(name: str, value: str) -> str:
    """Return the value of a variable that is sent as a header. The error does not show it."""
    if not value.isprintable() or not value.isascii():
        raise UserErrorException(
            f"{name} has a character that cannot be sent in a header, such as the end of a line or "
            "a letter that is not ASCII; set it to the value alone."
        )
    return value
