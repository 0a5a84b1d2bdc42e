"""``run open``: the address of a run's page, which a browser opens where there is one."""

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
    """Print the address; on a terminal, open it in the browser."""
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
    """Whether a program of this machine listens at an address; True for one elsewhere."""
    parts = urlsplit(address)
    if parts.hostname not in LOOPBACK:
        return True
    try:
        socket.create_connection((parts.hostname, parts.port or 80), CONNECT_S).close()
    except OSError:
        return False
    return True
