"""Converts errors of artifact stores' clients to errors of the contract.

The errors of boto3, requests, Azure's and Google's packages have no common base class, and MLflow
wraps them in other errors. So an error is recognised by its HTTP status, its name, or its package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, TooLarge, Unavailable

ARTIFACT_STORE = "The artifact store"
MAX_REASON = 300
"""The number of characters of a store's own message that an error repeats."""
_LATER = frozenset({408, 421, 423, 425, 429})
"""HTTP statuses below 500 after which the same call may work later."""
_UNREACHED = frozenset(
    {
        "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError",
        "EndpointConnectionError", "HTTPClientError", "ReadTimeoutError", "ServiceRequestError",
        "ServiceResponseError", "Timeout", "TransportError",
    }
)  # fmt: skip
_CREDENTIALS = frozenset(
    {
        "ClientAuthenticationError", "CredentialRetrievalError", "DefaultCredentialsError",
        "NoAuthTokenError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
        "RefreshError", "TokenRetrievalError",
    }
)  # fmt: skip
_PACKAGES = frozenset(
    {
        "adlfs", "aiobotocore", "aiohttp", "azure", "boto3", "botocore", "fsspec", "gcsfs",
        "google", "hdfs", "paramiko", "pyarrow", "pysftp", "requests", "s3fs", "s3transfer",
        "urllib3",
    }
)  # fmt: skip
_QUERY = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")
"""The query of an address. It may have a signature, with which everybody can read a file."""
_USERINFO = re.compile(r"//[^/@\s]*@")


def show_reason(error: BaseException) -> str:
    """Return the first line of an error's text, without parts of addresses that may be secrets."""
    lines = [line for line in str(error)[: 100 * MAX_REASON].splitlines() if line.strip()]
    text = _USERINFO.sub("//", _QUERY.sub("", lines[0].strip() if lines else ""))
    text = "".join(char if char.isprintable() else " " for char in text)
    return text[:MAX_REASON] or type(error).__name__


def error_of_store(
    error: BaseException,
    who: str,
    what: str,
    show: Callable[[BaseException], str] = show_reason,
) -> AzureMLException | None:
    """Convert an error of a store's client to an error of the contract; None for other errors.

    If the error itself says nothing known, such as an HTTP status, the error that caused it counts,
    and so on. ``who`` is the subject of the message's sentence, and ``what``
    names the files. ``show`` returns an error's own text as one line.
    """
    for reason in _chain(error):
        status = _status(reason)
        names = {kind.__name__ for kind in type(reason).__mro__}
        if status is not None:
            return _error_of_status(status, who, f"{what}: {show(reason)}")
        if isinstance(reason, (ConnectionError, TimeoutError)) or names & _UNREACHED:
            return Unavailable(f"{who} does not answer ({_show_silence(reason, show)}).")
        if names & _CREDENTIALS:
            # Its text lists everything that was tried, and may contain keys.
            return _credentials_error(who, f" {what} ({type(reason).__name__}).")
    for reason in _chain(error):
        if isinstance(reason, ImportError):
            return Unavailable(f"{who} needs a package that is not installed: {show(reason)}.")
        if type(reason).__module__.partition(".")[0] in _PACKAGES:
            return Refused(f"{who} cannot take or give {what}: {show(reason)}.")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, and then the errors that caused it."""
    seen: set[int] = set()
    reason: BaseException | None = error
    while reason is not None and id(reason) not in seen:
        seen.add(id(reason))
        yield reason
        reason = reason.__cause__ or reason.__context__


def _show_silence(error: BaseException, show: Callable[[BaseException], str]) -> str:
    text = str(error)
    for words in ("Connection refused", "timed out", "Name or service not known", "No route"):
        if words in text:
            return words.lower()
    return show(error)


def _credentials_error(who: str, because: str) -> AuthenticationException:
    return AuthenticationException(
        f"{who} refuses{because} Check the credentials that its client reads, such as its "
        "environment variables."
    )


def _error_of_status(status: int, who: str, reason: str) -> AzureMLException:
    because = f" (HTTP {status}: {reason})."
    if status in (401, 403, 407):
        return _credentials_error(who, because)
    if status == 404:  # such as for a bucket that does not exist
        return Refused(f"{who} has no place for {reason}")
    if status == 413:
        return TooLarge(f"{who} does not take this much at once{because}")
    if status == 507:
        return Refused(f"{who} has no room for this{because}")
    if status in _LATER or (status >= 500 and status != 501):
        return Unavailable(f"{who} could not do this now{because}")
    return Refused(f"{who} refuses this{because}")


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error of an HTTP client, or None."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # boto3's
        metadata = response.get("ResponseMetadata")
        response = None
        status = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    else:
        status = getattr(response, "status_code", None)
    for candidate in (status, getattr(error, "status_code", None), getattr(error, "code", None)):
        if isinstance(candidate, int) and 400 <= candidate < 600:
            return candidate
    return None
