"""The nodes of jmespath's syntax tree, and what a node names in a run."""

from __future__ import annotations

from typing import Any

from amlflow.query.document import MAPS, Entry

Node = dict[str, Any]
"""A node: ``type``, ``children`` and, for some, ``value``."""

CHAINS = frozenset(
    {
        "subexpression", "pipe", "index_expression", "projection", "filter_projection",
        "value_projection", "flatten",
    }
)  # fmt: skip
"""Types whose first child gets the node's input, and whose other children get what that gives."""


def entry_of(node: Node) -> Entry | None:
    """The field of a run that a node names, or the entry of a map: ``name``, ``tags.quality``.

    None for other nodes.
    """
    if node["type"] == "field":
        return Entry(node["value"])
    if node["type"] == "subexpression" and len(node["children"]) == 2:
        first, second = node["children"]
        if first["type"] == second["type"] == "field" and first["value"] in MAPS:
            return Entry(first["value"], second["value"])
    return None
