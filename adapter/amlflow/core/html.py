"""The small tables that notebooks show for v1's objects."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime


def link(address: str, text: str) -> str:
    """Return a link that opens in a new tab. For an address that is not HTTP, return the text."""
    if not address.startswith(("http://", "https://")):
        return html.escape(text)
    return (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{html.escape(text)}</a>'
    )


def page_link(address: str, uri: str) -> str:
    """Return a link to a page of the tracker. If the page needs `amlflow ui`, the text says so."""
    hint = "" if uri.startswith(("http://", "https://")) else " (run <code>amlflow ui</code> first)"
    return link(address, "Link to MLflow's page") + (hint if address.startswith("http") else "")


def text(value: object) -> str:
    """Return a value as HTML; an empty text for None."""
    return "" if value is None else html.escape(str(value))


def time(value: datetime | None) -> str:
    """Return a time without fractions of seconds; an empty text for None."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def entries(values: Mapping[str, object]) -> str:
    """Return the entries of a dict, in one line."""
    return text(", ".join(f"{key}: {value}" for key, value in values.items()))


def table(cells: Mapping[str, str]) -> str:
    """Return a table with one row. The cells are HTML, the heads are text."""
    return rows([cells])


def rows(lines: Sequence[Mapping[str, str]]) -> str:
    """Return a table of several rows, with a column for each name that a row has.

    The cells are HTML, the heads are text.
    """
    names = list(dict.fromkeys(name for line in lines for name in line))
    head = _row(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(_row(f"<td>{line.get(name, '')}</td>" for name in names) for line in lines)
    return f'<table style="width:100%">{head}{body}</table>'


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"
