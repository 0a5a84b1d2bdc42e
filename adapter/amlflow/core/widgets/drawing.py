"""Draws a run's view as HTML: a table, and a chart for each metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle

from amlflow.core import html
from amlflow.core.widgets.run_view import Line, RunRow, RunView

WIDTH, HEIGHT, MARGIN = 320, 140, 8
COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf",
)  # fmt: skip
_STATUS_COLOURS = {"Completed": "#2ca02c", "Failed": "#d62728", "Canceled": "#7f7f7f"}
_CELL = "padding:2px 10px 2px 0;text-align:left"


def draw_view(view: RunView) -> str:
    """Return the HTML of the table and the charts."""
    columns = view.columns()
    heads = ("Run", "Status", "Started (UTC)", "Duration", *columns)
    head = "".join(f'<th style="{_CELL}">{html.text(name)}</th>' for name in heads)
    rows = "".join(_row(row, columns) for row in view.rows)
    more = f"<p>{view.left_out} more child runs are not shown.</p>" if view.left_out else ""
    charts = "".join(_chart(name, lines) for name, lines in view.charts.items())
    return (
        f'<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>{more}'
        f'<div style="display:flex;flex-wrap:wrap;gap:16px">{charts}</div>'
    )


def draw_log(text: str) -> str:
    """Return the HTML of a log's text."""
    style = "max-height:20em;overflow:auto;white-space:pre-wrap;margin:4px 0"
    return f'<pre style="{style}">{html.text(text)}</pre>'


def draw_note(text: str) -> str:
    """Return the HTML of a sentence under the table."""
    return f"<p>{html.text(text)}</p>"


def _row(row: RunRow, columns: Sequence[str]) -> str:
    colour = _STATUS_COLOURS.get(row.status, "inherit")
    seconds = row.seconds()
    cells = [
        html.link(row.link, row.name),
        f'<span style="color:{colour}">{html.text(row.status)}</span>',
        html.time(row.started),
        "" if seconds is None else _duration(seconds),
        *("" if name not in row.numbers else f"{row.numbers[name]:.6g}" for name in columns),
    ]
    return f"<tr>{''.join(f'<td style={_CELL!r}>{cell}</td>' for cell in cells)}</tr>"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _chart(name: str, lines: Sequence[Line]) -> str:
    values = [value for line in lines for value in line.values]
    low, high = min(values), max(values)
    longest = max(len(line.values) for line in lines)
    drawn = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" '
        f'points="{_points(line, low, high, longest)}"><title>{html.text(line.run)}</title>'
        "</polyline>"
        for line, colour in zip(lines, cycle(COLOURS), strict=False)
    )
    frame = (
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.3"/>'
    )
    return (
        '<figure style="margin:8px 0"><figcaption>'
        f"{html.text(name)}: {low:.6g} to {high:.6g}</figcaption>"
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{frame}{drawn}</svg></figure>'
    )


def _points(line: Line, low: float, high: float, longest: int) -> str:
    across = (WIDTH - 2 * MARGIN) / max(longest - 1, 1)
    span = high - low

    def height(value: float) -> float:
        # If all values are equal, or the span is not finite, the line is drawn in the middle.
        share = (value - low) / span if 0 < span < math.inf else 0.5
        return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)

    return " ".join(
        f"{MARGIN + index * across:.1f},{height(value):.1f}"
        for index, value in enumerate(line.values)
    )
