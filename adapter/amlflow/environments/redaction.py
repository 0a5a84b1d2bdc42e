"""Takes secrets out of texts: names, passwords and tokens in addresses."""

from __future__ import annotations

import re
from typing import Any

_USER = re.compile(r"(?<=://)[^/@\s\"']*@")
_TOKEN = re.compile(r"(/t/)[^/\s\"']+|([?&](?:sig|token|key|password|access_token)=)[^&\s\"'#]+")


def redact(text: str) -> str:
    """The text with ``***`` in place of all secrets in addresses."""
    return _TOKEN.sub(lambda match: f"{match[1] or match[2]}***", _USER.sub("***@", text))


def without_secrets(address: str) -> str:
    """An address without its secrets: the same one, whoever uses it and with which password."""
    return _TOKEN.sub(lambda match: match[1] or match[2], _USER.sub("", address))


def without_credentials(definition: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A definition without the passwords and tokens in addresses, and whether there were any."""
    content = _without_any(definition)
    return content, content != definition


def _without_any(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_any(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_any(item) for item in value]
    return without_secrets(value) if isinstance(value, str) else value
