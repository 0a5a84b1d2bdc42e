"""Cleans texts of servers and stores for messages: short, printable, without credentials."""

from __future__ import annotations

import base64
import email.utils
import os
import re
import time
from urllib.parse import unquote, urlsplit

MAX_REASON = 300
"""How many characters of a server's text a message may have."""
MAX_RETRY_AFTER_S = 600.0
"""The longest wait. If a server asks for more, it is asked again after this time."""

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")
_USERINFO = re.compile(r"//[^/@\s]*@")
_SIGNATURE = re.compile(r"\?[^\s'\"]*(?i:signature|sig|token)=[^\s'\"]*")
"""The part of an address that gives access to a file."""
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer)\s+[\w.~+/=-]+", re.IGNORECASE)
_SETTINGS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def retry_after_s(value: str | None) -> float | None:
    """Parse a Retry-After header: seconds, or a date. Returns seconds; None if it is neither."""
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


def clean(text: str, uri: str = "") -> str:
    """Return the first line of a server's text: short, printable, and without credentials.

    The passwords of the environment are removed, and that of ``uri``, the tracking URI.
    """
    lines = [line for line in text[: 100 * MAX_REASON].splitlines() if line.strip()]
    line = lines[0].strip() if lines else ""
    for secret in _secrets(uri):
        line = line.replace(secret, "***")
    line = _AUTHORIZATION.sub(r"\1 ***", _USERINFO.sub("//", _SIGNATURE.sub("", line)))
    line = "".join(char if char.isprintable() else " " for char in line)
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]} …"


def cause(error: BaseException) -> str:
    """Return the original cause of an error, in one line, without passwords in addresses."""
    original = getattr(error, "orig", None)
    text = str(original if original is not None else error).strip() or type(error).__name__
    for word in ("Connection refused", "timed out", "Name or service not known", "No route"):
        if word in text:
            return word.lower()
    return clean(text)


def _secrets(uri: str) -> list[str]:
    secrets = [os.environ.get(name) for name in _SETTINGS]
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if "@" in uri:
        parts = urlsplit(uri)
        secrets += [parts.password, unquote(parts.password or "")]
        user = unquote(parts.username or "")
    # Also in the form of an Authorization header.
    secrets += [
        base64.b64encode(f"{user or ''}:{secret}".encode()).decode() for secret in secrets if secret
    ]
    return [secret for secret in secrets if secret and len(secret) > 2]
