"""Takes secrets out of texts: names, passwords and tokens in addresses."""

from __future__ import annotations

import re

_USER = re.compile(r"(?<=://)[^/@\s\"']*@")
_TOKEN = re.compile(r"(/t/)[^/\s\"']+|([?&](?:sig|token|key|password|access_token)=)[^&\s\"'#]+")


def redact(text: str) -> str:
    """The text with ``***`` in place of all secrets in addresses."""
    return _TOKEN.sub(lambda match: f"{match[1] or match[2]}***", _USER.sub("***@", text))


def without_secrets(address: str) -> str:
    """An address without its secrets: the same one, whoever uses it and with which password."""
    return _TOKEN.sub(lambda match: match[1] or match[2], _USER.sub("", address))
