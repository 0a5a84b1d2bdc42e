"""The small tables that notebooks show for v1's objects."""

from __future__ import annotations

import html
from collections.abc import Mapping


def link(address: str, text: str) -> str:
    """A link that opens in a tab of its own; other addresses than web pages stay text."""
    if not address.startswith(("http://", "https://")):
        return html.escape(text)
    return (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{html.escape(text)}</a>'
    )


def text(value: object) -> str:
    """A value as HTML; nothing for None."""
    return "" if value is None else html.escape(str(value))


def table(cells: Mapping[str, str]) -> str:
    """One row under a head; cells are HTML already, heads are text."""
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in cells)
    body = "".join(f"<td>{cell}</td>" for cell in cells.values())
    return f'<table style="width:100%"><tr>{head}</tr><tr>{body}</tr></table>'
