"""MLflow's page with the studio's script and style in it."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from flask import Flask, Response, make_response, request, send_from_directory

from amlflow_page.access import Access
from amlflow_page.private import add_static_prefix
from amlflow_page.routes import PREFIX

STATIC = Path(__file__).parent / "static"
MLFLOW_VIEW = "serve"
"""MLflow's view that answers with its page."""
PLACE = "</head>"


def add_page(app: Flask, access: Access) -> None:
    """Serve the studio's files, and MLflow's page with references to them."""
    for path in STATIC.iterdir():
        url = add_static_prefix(f"{PREFIX}/static/{path.name}")
        view = functools.partial(_static, path.name)
        app.add_url_rule(url, f"amlflow/static/{path.name}", view)
        access.allow(url, ["GET"])
    original = app.view_functions[MLFLOW_VIEW]

    def extend_page() -> Response:
        answer = make_response(original())
        if answer.mimetype != "text/html" or answer.status_code != 200:
            return answer
        answer.direct_passthrough = False
        text = answer.get_data(as_text=True)
        answer.set_data(text.replace(PLACE, _references() + PLACE, 1))
        # MLflow's file may be older than this version of the studio.
        del answer.headers["Last-Modified"]
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag(overwrite=True)
        answer.make_conditional(request)
        return answer

    app.view_functions[MLFLOW_VIEW] = extend_page


def _static(name: str) -> Response:
    answer = send_from_directory(STATIC, name)
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _references() -> str:
    base = f"{PREFIX[1:]}/static"
    # Load all at once: a browser learns of a module only from the one that imports it.
    modules = "".join(
        f'<link rel="modulepreload" href="{base}/{path.name}">'
        for path in sorted(STATIC.glob("*.js"))
        if path.name != "studio.js"
    )
    return modules + (
        f'<link rel="stylesheet" href="{base}/studio.css?{_digest("studio.css")}">'
        f'<script type="module" src="{base}/studio.js?{_digest("studio.js")}"></script>'
    )


def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
