"""The small tables that notebooks show for v1's objects."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime


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


def time(value: datetime | None) -> str:
    """A time to the second; nothing for None."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def entries(values: Mapping[str, object]) -> str:
    """The entries of a dict in one line."""
    return text(", ".join(f"{key}: {value}" for key, value in values.items()))


def table(cells: Mapping[str, str]) -> str:
    """One row under a head; cells are HTML already, heads are text."""
    return rows([cells])


def rows(lines: Sequence[Mapping[str, str]]) -> str:
    """Rows under one head, which has the names of all; see :func:`table`."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    head = _row(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(_row(f"<td>{line.get(name, '')}</td>" for name in names) for line in lines)
    return f'<table style="width:100%">{head}{body}</table>'


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"
