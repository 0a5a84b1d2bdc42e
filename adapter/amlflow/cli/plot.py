"""``run metrics --plot``: the series of a run as charts in the terminal, drawn by plotext."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from typing import Any

from amlflow.cli.output import terminal_width
from amlflow.exceptions import UserErrorException

HEIGHT = 16
"""How many lines a chart has."""
WIDTH = 80
"""How many columns a chart has in a file or a pipe."""
MAX_WIDTH = 120


def plot(metrics: Mapping[str, Any], color: bool) -> str:
    """Draw a chart for each metric that is a series of numbers.

    Raises:
        UserErrorException: plotext is not installed, or no metric is a series of numbers.
    """
    if importlib.util.find_spec("plotext") is None:
        raise UserErrorException("--plot needs plotext: pip install 'amlflow[plot]'.")
    charts = [_draw(name, values, color) for name, values in metrics.items() if is_series(values)]
    if not charts:
        raise UserErrorException(
            "The run has no metric to plot: a chart needs a series of two or more numbers."
        )
    return "\n".join(charts)


def is_series(values: Any) -> bool:
    """Whether a metric's value has two or more numbers, and only numbers."""
    return (
        isinstance(values, list)
        and len([value for value in values if _is_number(value) and math.isfinite(value)]) > 1
        and all(map(_is_number, values))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _draw(name: str, values: list[float], color: bool) -> str:
    import plotext  # an optional dependency

    points = [(index, value) for index, value in enumerate(values) if math.isfinite(value)]
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(MAX_WIDTH, terminal_width() or WIDTH), HEIGHT)
    plotext.title("".join(char if char.isprintable() else " " for char in name))
    plotext.plot([index for index, _ in points], [value for _, value in points])
    text: str = plotext.build()
    text = text if color and terminal_width() is not None else plotext.uncolorize(text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
