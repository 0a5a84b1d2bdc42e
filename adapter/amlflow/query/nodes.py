"""The nodes of jmespath's syntax tree, and the fields of runs that they name."""

from __future__ import annotations

from typing import Any

from amlflow.claims import attempt_of
from amlflow.query.document import MAPS, Entry

Node = dict[str, Any]
"""A node: ``type``, ``children`` and, for some, ``value``."""

CHAINS = frozenset(
    {
        "subexpression", "pipe", "index_expression", "projection", "filter_projection",
        "value_projection", "flatten",
    }
)  # fmt: skip
"""Types whose first child gets the node's input, and whose other children get its result."""


def is_hidden(field: str, key: str) -> bool:
    """Whether documents hide this entry, so the tracker must not search by it."""
    return field == "properties" and attempt_of(key) is not None


def entry_of(node: Node) -> Entry | None:
    """Return the field or entry that a node names, such as ``name`` or ``tags.quality``.

    Returns None for other nodes.
    """
    if node["type"] == "field":
        return Entry(node["value"])
    if node["type"] == "subexpression" and len(node["children"]) == 2:
        first, second = node["children"]
        is_entry = first["type"] == second["type"] == "field" and first["value"] in MAPS
        if is_entry and not is_hidden(first["value"], second["value"]):
            return Entry(first["value"], second["value"])
    return None
