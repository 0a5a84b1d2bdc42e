"""The tokens with which MLflow's stores name a page: offsets, encoded in base64."""

from __future__ import annotations

import base64
import json
import re


def to_token(offset: int) -> str:
    """Return the token of the page that begins after so many items."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def to_offset(token: str | None) -> int:
    """Return how many items come before the page of a token."""
    return 0 if token is None else int(re.sub(rb"\D", b"", base64.b64decode(token)))
