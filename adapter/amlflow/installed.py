"""The entry points of all installed packages, which are read once in each process.

To read them takes some milliseconds, and amlflow needs several groups of them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points_of(group: str) -> Iterable[EntryPoint]:
    """Return the installed entry points of a group, as ``importlib.metadata`` has them."""
    return _chooser(tuple(sys.path))(group=group)


@functools.lru_cache(maxsize=1)
def _chooser(path: tuple[str, ...]) -> Callable[..., Iterable[EntryPoint]]:
    """Return the function that chooses among the entry points in the folders of ``path``."""
    # Imported here, so that `import azureml.core` stays quick.
    from importlib.metadata import entry_points

    return entry_points().select
