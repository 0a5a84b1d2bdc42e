"""Checks at start that MLflow's page has the places into which the studio puts its parts.

The page is built JavaScript, in which the places are known by the names that MLflow's own tests
give them. graft_check.js looks at the page itself once a browser shows it.
"""

from __future__ import annotations

from pathlib import Path

PAGE = "index.html"
HEAD = "</head>"
"""Where the page gets the references to the studio's files."""
PLACES = {
    "the status and Cancel": "runs-header",
    "Logs": "mlflow.run-page.view-mode-switch",
    "the locks of properties": "entity-overview-container",
    "the environment": "key-value-",
}
"""The names by what you miss without them."""
MAX_BYTES = 8 << 20
"""Of a file; MLflow's largest have 2 MB."""


def missing_places(build: Path) -> list[str]:
    """The parts of the studio that a build of MLflow's page has no place for.

    ``build`` is the folder of MLflow's that has the page. All parts are missing where it has none.
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
