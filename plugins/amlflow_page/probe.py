"""Asks a server whether it has the studio."""

from __future__ import annotations

import contextlib
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from amlflow.exceptions import UserErrorException

from amlflow_page.addresses import MARK, PREFIX

STUDIO = f"{PREFIX}/static/studio.js"
"""What only a server with the studio has."""
MAX_STUDIO_BYTES = 1 << 20
TIMEOUT_S = 10


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the browser: they may lead anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def doubt_of_studio(address: str) -> str | None:
    """Say why a server may have no studio. Returns None if it surely has it.

    Raises :class:`UserErrorException` if nothing answers.
    """
    # Nothing secret is sent, and the browser will check the certificate with its own authorities.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    https = urllib.request.HTTPSHandler(context=unchecked)
    opener = urllib.request.build_opener(https, _NoRedirects())
    try:
        answer = opener.open(f"{address}{STUDIO}", timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        answer = error
    except (OSError, HTTPException, ValueError) as error:  # the last for a wrong host's name
        cause = getattr(error, "reason", error)
        why = getattr(cause, "strerror", None) or cause
        raise UserErrorException(
            f"No server answers at {address} ({why}). Start it, or correct MLFLOW_TRACKING_URI or "
            "the tracking_uri in config.json."
        ) from None
    with answer:
        if MARK in answer.headers:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            return (
                f"The server at {address} has no studio, so this opens MLflow's own page. To have "
                "the studio, start the server with MLflow 3.17 or later and --app-name amlflow."
            )
        seen = f"HTTP {answer.status}"
        if answer.status == HTTPStatus.OK:
            # A studio of an earlier version has no mark. A login page is HTML.
            is_html = answer.headers.get_content_type() == "text/html"
            with contextlib.suppress(OSError, HTTPException):
                if not is_html and b"amlflow" in answer.read(MAX_STUDIO_BYTES):
                    return None
            seen = "another page answers"
    return (
        f"Whether the server at {address} has the studio cannot be told ({seen}), so this opens "
        "the server's first page. If the studio is there, its menu has All runs."
    )
