"""Checks the address of a server, which a person has written."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from amlflow.exceptions import UserErrorException
from amlflow.spec import redacted

_WITHOUT_SCHEME = re.compile(r"[\w.\-]{2,}:\d+(/.*)?")
_WHERE = "Correct MLFLOW_TRACKING_URI or the tracking_uri in config.json"


def check_scheme(uri: str) -> None:
    """Raise UserErrorException for ``host:port``, which could only be the name of a file."""
    if _WITHOUT_SCHEME.fullmatch(uri):
        # What precedes an @ may be a password.
        shown, example = ("", "host:5000") if "@" in uri else (f" {uri!r}", uri)
        raise UserErrorException(
            f"The tracking URI{shown} does not say how to talk to the server. {_WHERE}: for "
            f"example, http://{example}."
        )


def check_server_address(uri: str) -> None:
    """Raise UserErrorException unless a URI with the scheme http or https leads to a server."""
    try:
        parts = urlsplit(uri)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # the error may show a part of a password
        is_address = False
    if is_address and not parts.query and not parts.fragment:
        return
    if is_address and "@" not in parts.query + parts.fragment:
        raise UserErrorException(
            f"The tracking URI {redacted(uri)!r} is more than the address of a server. {_WHERE}: "
            "leave out '?' or '#', and what follows it."
        )
    # Without user name and password it would be misleading, and with them it would show them.
    shown = f" {uri!r}" if "@" not in uri else ""
    raise UserErrorException(
        f"The tracking URI{shown} is not the address of a server. {_WHERE}: for example, "
        "http://host:5000. In a user name or password, write / as %2F, ? as %3F and # as %23."
    )
