"""Leaves out the variable of a notebook's kernel that would mislead the scripts of runs.

The kernel tells matplotlib to draw in the notebook. A script with packages of its own would not
find the module for it.
"""

from __future__ import annotations

from collections.abc import Mapping

_NOTEBOOK_BACKENDS = ("module://matplotlib_inline.", "module://ipykernel.")
"""How the values of MPLBACKEND begin that a notebook's kernel sets."""


def without_notebook(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without the one that makes matplotlib draw in a notebook."""
    return {
        name: value
        for name, value in environ.items()
        if not (name == "MPLBACKEND" and value.startswith(_NOTEBOOK_BACKENDS))
    }
