"""Removes secrets from texts: names, passwords and tokens in addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_USER = re.compile(r"(?<=://)[^/@\s\"']*@")
_TOKEN = re.compile(
    r"(/t/)[^/\s\"']+"
    r"|([?&][\w-]*(?:sig|signature|token|key|password|secret|credential)=)[^&\s\"'#]+",
    re.IGNORECASE,
)
"""A token of conda's channels, and what signs an address: Azure's ``sig``, S3's and others'."""


def redact(text: str) -> str:
    """Replace all secrets in addresses by ``***``."""
    return _TOKEN.sub(lambda match: f"{match[1] or match[2]}***", _USER.sub("***@", text))


def redact_all(value: Any) -> Any:
    """Do the same with all texts of a value of JSON."""
    return _in_texts(value, redact)


def without_secrets(address: str) -> str:
    """Remove the secrets from an address, so that it is the same for all users and passwords."""
    return _TOKEN.sub(lambda match: match[1] or match[2], _USER.sub("", address))


def without_credentials(definition: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Remove passwords and tokens from a definition's addresses. Also returns if there were any."""
    content = _in_texts(definition, without_secrets)
    return content, content != definition


def _in_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _in_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_texts(item, change) for item in value]
    return change(value) if isinstance(value, str) else value
