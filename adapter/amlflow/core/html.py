"""The small tables that notebooks show for v1's objects."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

_EMPTY = ""
"""A cell of a row that has no value of a name."""


def link(address: str, text: str) -> str:
    """A link that opens in a tab of its own; other addresses than web pages stay text."""
    if not address.startswith(("http://", "https://")):
        return html.escape(text)
    return (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{html.escape(text)}</a>'
    )


def page_link(address: str, uri: str) -> str:
    """A link to a tracker's page of something, and how to start the page where none is served."""
    hint = "" if uri.startswith(("http://", "https://")) else " (run <code>amlflow ui</code> first)"
    return link(address, "Link to MLflow's page") + (hint if address.startswith("http") else "")


def text(value: object) -> str:
    """A value as HTML; nothing for None."""
    return "" if value is None else html.escape(str(value))


def table(cells: Mapping[str, str]) -> str:
    """One row under a head; cells are HTML already, heads are text."""
    return rows([cells])


def rows(lines: Sequence[Mapping[str, str]]) -> str:
    """Rows under one head, which has the names of all; see :func:`table`."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{line.get(name, _EMPTY)}</td>' for name in names)}</tr>"
        for line in lines
    )
    return f'<table style="width:100%"><tr>{head}</tr>{body}</table>'
