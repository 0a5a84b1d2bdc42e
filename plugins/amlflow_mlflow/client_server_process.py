"""The process of a :mod:`amlflow_mlflow.client_server`: MLflow's server, for one script.

    python -m amlflow_mlflow.client_server_process HANDLE

HANDLE is a socket that listens. The process ends when its standard input is closed.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from amlflow_mlflow.client_server import AUTHORIZATIONS, HOST

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""An application of WSGI."""


def main(handle: int) -> None:
    """Serve the database of the variable ``AMLFLOW_SERVED_DATABASE``."""
    threading.Thread(target=_end_with_agent, daemon=True).start()
    # After the thread, since it takes seconds.
    from mlflow import server
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """Answers without a line for each request."""

        def log_request(self, *_: Any) -> None:
            pass

    os.environ[BACKEND_STORE_URI_ENV_VAR] = os.environ["AMLFLOW_SERVED_DATABASE"]
    os.environ[ARTIFACT_ROOT_ENV_VAR] = os.environ["AMLFLOW_SERVED_ARTIFACTS"]
    app = for_headers(server.app, json.loads(os.environ.pop(AUTHORIZATIONS)))
    make_server(HOST, 0, app, threaded=True, request_handler=Quiet, fd=handle).serve_forever()


def for_headers(app: App, authorizations: Sequence[str]) -> App:
    """Return an application that answers only requests with one of the headers."""
    expected = [header.encode() for header in authorizations]

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if not any(hmac.compare_digest(given, each) for each in expected):
            start("401 Unauthorized", [("Content-Type", "text/plain")])
            return [b"This server is for the script of one run."]
        return app(environ, start)

    return answer


def _end_with_agent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
