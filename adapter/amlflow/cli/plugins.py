"""Commands on the plugins that are installed."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.cli.errors import WrongUsage
from amlflow.layers.stack import is_journaled, layers_for
from amlflow.plugins import describe_plugins

logger = logging.getLogger("amlflow")


def plugins(
    action: str | None, plugin: str | None, uri: str | None
) -> list[dict[str, Any]] | dict[str, Any] | None:
    """``plugins``: what is installed, and which features each has; ``check NAME``, ``new NAME``."""
    if action == "new":
        if plugin is None or uri is not None:
            raise WrongUsage(
                "It is `amlflow plugins new NAME`, which writes a folder for a plugin."
            )
        from amlflow.cli.new_plugin import write_plugin  # here, as only authors need it

        return write_plugin(plugin)
    if action is not None or uri is not None:
        if plugin is None:
            raise WrongUsage(
                "It is `amlflow plugins check NAME`; `amlflow plugins` prints the names."
            )
        from amlflow.cli.check import check  # here, as only this action needs a subprocess

        check(plugin, uri)
        return None
    installed = describe_plugins()
    for entry in installed:
        for line in _layers(entry):
            logger.debug("%s: %s", entry["plugin"], line)
    return installed


def _layers(plugin: dict[str, Any]) -> list[str]:
    """What amlflow puts around a plugin's tracker, and why."""
    if "tracker" not in plugin["hooks"]:
        return []
    features = frozenset(plugin["features"])
    layers = [
        f"layer {layer.__name__.removesuffix('Layer')}: {reason}"
        for layer, reason in layers_for(features)
    ]
    if is_journaled(features):
        layers.append("layer Journaled: what a process has logged must get there though it dies")
    return layers or ["no layers: the tracker claims all that one could add"]
