"""Checks at start that MLflow's page has the places where the studio adds its parts.

MLflow's page is built JavaScript. The places are found by the names that MLflow's own tests use.
graft_check.js checks the page again when a browser shows it.
"""

from __future__ import annotations

from pathlib import Path

PAGE = "index.html"
HEAD = "</head>"
"""The text of the page before which the references to the studio's files are put."""
PLACES = {
    "the status and Cancel": "runs-header",
    "Logs": "mlflow.run-page.view-mode-switch",
    "the locks of properties": "entity-overview-container",
    "the environment": "key-value-",
}
"""What the page lacks without a place, and the name of the place."""
SEEN_BY_BROWSER = ("the studio beside its side bar", "the link All runs")
"""What else MLflow's page may have no place for. Only a browser can see that."""
MAX_BYTES = 8 << 20
"""The most bytes of a file that are read; MLflow's largest files have 2 MB."""


def missing_places(build: Path) -> list[str]:
    """Return the parts of the studio for which a build of MLflow's page has no place.

    ``build`` is MLflow's folder with the page. Without a page, all parts are returned.
    """
    wanted = {part: name.encode() for part, name in PLACES.items()}
    for path in sorted(build.glob("static/js/*.js")):
        if not wanted:
            break
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
        wanted = {part: name for part, name in wanted.items() if name not in content}
    page = build / PAGE
    has_head = page.is_file() and HEAD in page.read_text(encoding="utf-8", errors="replace")
    return [*([] if has_head else ["the studio"]), *wanted]
