"""HTTP statuses, and what comes with them, as the contract's errors.

Used for an MLflow server, for what stands in front of it and for artifact stores. What they send
is input: texts are shortened and cleaned, numbers are bounded.
"""

from __future__ import annotations

import base64
import email.utils
import os
import re
import time
from urllib.parse import unquote, urlsplit

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, TooLarge, Unavailable

MAX_SAID = 300
"""Characters of a text from a server that go into a message."""
MAX_RETRY_AFTER_S = 600.0
"""A server that asks for more is asked again after this."""

_LATER = frozenset({408, 421, 423, 425, 429})
"""Statuses below 500 after which the same call may work."""
_NO_ROOM = 507
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")
_USERINFO = re.compile(r"//[^/@\s]*@")
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer)\s+[\w.~+/=-]+", re.IGNORECASE)
_SETTINGS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def error_of_status(
    status: int, said: str, who: str, retry_after: str | None = None
) -> AzureMLException:
    """What an HTTP status that is not a success means; it is returned, not raised.

    ``said`` is the body's own reason, cleaned by :func:`cleaned`, or empty. ``who`` names what
    answered, as the subject of a sentence.
    """
    because = f" (HTTP {status}{f': {said}' if said else ''})"
    if status in (401, 403, 407):
        return AuthenticationException(
            f"{who} refuses{because}. Check MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
        )
    if status == 413:
        return TooLarge(f"{who} does not take this much at once{because}.")
    if status == _NO_ROOM:
        return Refused(f"{who} has no room for this{because}.")
    if status in _LATER or status >= 500:
        return Unavailable(
            f"{who} could not do this now{because}.", retry_after=retry_after_s(retry_after)
        )
    if status == 404:
        return Unavailable(f"{who} is not an MLflow server now{because}.")
    if 400 <= status < 500:
        return Refused(f"{who} refuses this{because}.")
    return Unavailable(f"{who} does not answer as MLflow does{because}.")


def error_of_store(error: BaseException, who: str, what: str) -> AzureMLException | None:
    """What an error of an artifact store's own client means, or None if it bears no HTTP status.

    The clients (requests, boto3, Azure's, Google's) wrap errors in others; the innermost status
    counts. ``what`` names the files.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        status = _status(cause)
        if status is not None:
            if status == 404:  # of a bucket, say, that does not exist
                return Refused(f"{who} has no place for {what}: {cleaned(str(cause))}")
            return error_of_status(status, f"{what}: {cleaned(str(cause))}", who)
        if isinstance(cause, (ConnectionError, TimeoutError)) or _is_unreached(cause):
            return Unavailable(f"{who} does not answer ({cleaned(str(cause))}).")
        cause = cause.__cause__ or cause.__context__
    return None


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error of an HTTP client bears."""
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


def _is_unreached(error: BaseException) -> bool:
    """Whether it is a client's error of a connection; these share no ancestor."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(
        names
        & {
            "ConnectionError",
            "ConnectTimeoutError",
            "EndpointConnectionError",
            "HTTPClientError",
            "ServiceRequestError",
            "Timeout",
            "TransportError",
        }
    )


def retry_after_s(value: str | None) -> float | None:
    """A Retry-After header's seconds, or the seconds until its date, bounded; None for neither."""
    if value is None or len(value) > 100:
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)


def cleaned(text: str, uri: str = "") -> str:
    """The first line of a text from a server: short, printable, and without credentials.

    ``uri`` is the tracking URI, whose password is taken out like those of the environment.
    """
    lines = [line for line in text[: 100 * MAX_SAID].splitlines() if line.strip()]
    line = lines[0].strip() if lines else ""
    for secret in _secrets(uri):
        line = line.replace(secret, "***")
    line = _AUTHORIZATION.sub(r"\1 ***", _USERINFO.sub("//", line))
    line = "".join(each if each.isprintable() else " " for each in line)
    return line if len(line) <= MAX_SAID else f"{line[:MAX_SAID]} …"


def cause(error: BaseException) -> str:
    """The innermost reason, on one line, without addresses that may hold a password."""
    original = getattr(error, "orig", None)
    text = str(original if original is not None else error).strip() or type(error).__name__
    for word in ("Connection refused", "timed out", "Name or service not known", "No route"):
        if word in text:
            return word.lower()
    return cleaned(text)


def _secrets(uri: str) -> list[str]:
    secrets = [os.environ.get(name) for name in _SETTINGS]
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if "@" in uri:
        parts = urlsplit(uri)
        secrets += [parts.password, unquote(parts.password or "")]
        user = unquote(parts.username or "")
    # As it stands in an Authorization header, too.
    secrets += [
        base64.b64encode(f"{user or ''}:{secret}".encode()).decode() for secret in secrets if secret
    ]
    return [secret for secret in secrets if secret and len(secret) > 2]
