"""Adds the studio's scripts and styles to MLflow's page."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from amlflow_mlflow_private import add_static_prefix
from flask import Flask, Response, make_response, request, send_from_directory

from amlflow_page.access import Access
from amlflow_page.addresses import MARK, PREFIX
from amlflow_page.graft_places import HEAD, missing_places
from amlflow_page.routes import warn_of_missing

STATIC = Path(__file__).parent / "static"
MLFLOW_VIEW = "serve"
"""The MLflow view that answers with MLflow's page."""
POLICY = "object-src 'none'; base-uri 'self'; form-action 'self'"
"""The policy for MLflow's whole page, beside MLflow's own. policy.js has the one of the studio.

It does not limit scripts: the HTML files of runs are shown in frames that have the page's policy,
and their scripts are within the file or come from anywhere. The server cannot answer otherwise for
the studio's pages, since a browser does not send what follows the # of an address.
"""


def add_page(app: Flask, access: Access) -> None:
    """Serve the studio's files, and MLflow's page with references to them.

    The log names the parts of the studio for which MLflow's page has no place.
    """
    warn_of_missing(missing_places(Path(app.static_folder or "")))
    for name in _static_names():
        url = add_static_prefix(f"{PREFIX}/static/{name}")
        view = functools.partial(_static, name)
        app.add_url_rule(url, f"amlflow/static/{name}", view)
        access.allow(url, ["GET"])
    original = app.view_functions[MLFLOW_VIEW]

    def extend_page() -> Response:
        answer = make_response(original())
        if answer.mimetype != "text/html" or answer.status_code != 200:
            return answer
        answer.direct_passthrough = False
        text = answer.get_data(as_text=True)
        answer.set_data(text.replace(HEAD, _references() + HEAD, 1))
        # MLflow's file may be older than this version of the studio.
        del answer.headers["Last-Modified"]
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers.add("Content-Security-Policy", POLICY)
        answer.add_etag(overwrite=True)
        answer.make_conditional(request)
        return answer

    app.view_functions[MLFLOW_VIEW] = extend_page
    app.after_request(_mark)


def _mark(answer: Response) -> Response:
    """Tell `amlflow ui` that the studio is here, even if the request lacks a user's name."""
    if request.path.startswith(add_static_prefix(PREFIX)):
        answer.headers[MARK] = "yes"
    return answer


def _static_names() -> Iterator[str]:
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            yield path.relative_to(STATIC).as_posix()


def _static(name: str) -> Response:
    answer = send_from_directory(STATIC, name)
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@functools.cache
def _references() -> str:
    base = f"{PREFIX[1:]}/static"
    # The studio's own style comes first, so that the others add to it.
    names = sorted(_static_names(), key=lambda name: (name != "studio.css", name))
    scripts = ("first_visit.js", "studio.js")
    # Load all modules at once: else a browser finds each module only when it has read its importer.
    modules = "".join(
        f'<link rel="modulepreload" href="{base}/{name}">'
        for name in names
        if name.endswith(".js") and name not in scripts
    )
    styles = "".join(
        f'<link rel="stylesheet" href="{base}/{name}?{_digest(name)}">'
        for name in names
        if name.endswith(".css")
    )
    first, studio = (f"{base}/{name}?{_digest(name)}" for name in scripts)
    return (
        f'<script src="{first}"></script>{modules}{styles}'
        f'<script type="module" src="{studio}"></script>'
    )


def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
