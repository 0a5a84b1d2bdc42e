"""``run open``: prints the address of a run's page, and opens it in a browser."""

from __future__ import annotations

import logging
import socket
import sys
import webbrowser
from typing import Any
from urllib.parse import urlsplit

from amlflow.cli.scope import Where

logger = logging.getLogger("amlflow")

CONNECT_S = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def open_run(*, run_id: str, **where: Any) -> str:
    """Return the address to print. On a terminal, also open it in the browser."""
    address = Where(**where).run(run_id).get_portal_url()
    if not sys.stdout.isatty():
        return address
    if not answers(address):
        logger.warning(
            "Nothing answers at %s. `amlflow ui` shows the run there.", urlsplit(address).netloc
        )
    elif urlsplit(address).scheme in ("http", "https"):
        webbrowser.open(address)
    return address


def answers(address: str) -> bool:
    """Whether a program listens at an address of this machine. True for other machines."""
    parts = urlsplit(address)
    if parts.hostname not in LOOPBACK:
        return True
    try:
        socket.create_connection((parts.hostname, parts.port or 80), CONNECT_S).close()
    except OSError:
        return False
    return True
