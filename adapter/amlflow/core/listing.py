"""The lists of runs, experiments or models that v1's methods return.

Each of them is a list or an iterator, as in v1. A notebook shows it as a table, and
:meth:`to_pandas` returns a data frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from amlflow.core import html
from amlflow.parts import check_part

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item")
MAX_SHOWN = 100
"""How many rows a notebook shows."""


class Columns(NamedTuple):
    """The two functions that turn items of a kind into a table.

    ``cells`` returns the cells of an item as HTML, by their heads. ``rows`` returns the values of
    items, by the names of a data frame's columns.
    """

    cells: Callable[[Any], Mapping[str, str]]
    rows: Callable[[Sequence[Any]], Iterable[Mapping[str, Any]]]


class Listing(list[Item]):
    """A list that a notebook shows as a table."""

    def __init__(self, items: Iterable[Item], columns: Columns) -> None:
        super().__init__(items)
        self._columns = columns

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with a row for each item.

        Entries of dicts are columns such as ``tags.key``. Columns whose names end in ``_utc`` are
        times.
        """
        return _to_frame(self, self._columns)

    def _repr_html_(self) -> str:
        return _draw(self[:MAX_SHOWN], len(self) - MAX_SHOWN, self._columns)


class LazyListing(Generator[Item, None, None]):
    """A generator, as in v1. It reads its items while you iterate. A notebook shows a table."""

    def __init__(self, items: Iterable[Item], columns: Columns) -> None:
        self._items, self._columns = iter(items), columns
        # items that a notebook has shown, but the caller has not read
        self._shown: deque[Item] = deque()

    def send(self, value: None) -> Item:
        return self._shown.popleft() if self._shown else next(self._items)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Item:
        """End the listing, as ``close()`` does, and raise the exception."""
        self._shown.clear()
        self._items = iter(())
        return super().throw(typ, val, tb)

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame of the items that are left, as :meth:`Listing.to_pandas` does."""
        return _to_frame(list(self), self._columns)

    def _repr_html_(self) -> str:
        self._shown.extend(islice(self._items, MAX_SHOWN + 1 - len(self._shown)))
        shown = list(islice(self._shown, MAX_SHOWN))
        return _draw(shown, len(self._shown) - MAX_SHOWN, self._columns)


def of_json(items: Sequence[Any]) -> Listing[Any]:
    """Return the list that a query with a projection returns."""
    return Listing(items, Columns(_json_cells, _json_rows))


def _json_rows(items: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    return (item if isinstance(item, dict) else {"value": item} for item in items)


def _json_cells(item: Any) -> dict[str, str]:
    values = item if isinstance(item, dict) else {"value": item}
    return {str(key): html.text(value) for key, value in values.items()}


def _draw(items: Sequence[Any], more: int, columns: Columns) -> str:
    if not items:
        return "<p>Nothing.</p>"
    rest = f"<p>Only the first {MAX_SHOWN} are shown.</p>" if more > 0 else ""
    return html.rows([columns.cells(item) for item in items]) + rest


def _to_frame(items: Sequence[Any], columns: Columns) -> pd.DataFrame:
    check_part("data", "to_pandas()")
    # pandas takes half a second to import, and a script that lists runs may not need it.
    import pandas as pd

    frame = pd.json_normalize([dict(row) for row in columns.rows(items)], max_level=1)
    for name in frame.columns:
        if name.endswith("_utc"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame
