"""Removes secrets from texts: names, passwords and tokens in addresses."""

from __future__ import annotations

import re
from typing import Any

_USER = re.compile(r"(?<=://)[^/@\s\"']*@")
_TOKEN = re.compile(r"(/t/)[^/\s\"']+|([?&](?:sig|token|key|password|access_token)=)[^&\s\"'#]+")


def redact(text: str) -> str:
    """Replace all secrets in addresses by ``***``."""
    return _TOKEN.sub(lambda match: f"{match[1] or match[2]}***", _USER.sub("***@", text))


def without_secrets(address: str) -> str:
    """Remove the secrets from an address, so that it is the same for all users and passwords."""
    return _TOKEN.sub(lambda match: match[1] or match[2], _USER.sub("", address))


def without_credentials(definition: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Remove passwords and tokens from a definition's addresses. Also returns if there were any."""
    content = _without_any(definition)
    return content, content != definition


def _without_any(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_any(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_any(item) for item in value]
    return without_secrets(value) if isinstance(value, str) else value
