"""Commands on the plugins that are installed."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.exceptions import WrongUsage
from amlflow.layers.stack import is_journaled, layers_for
from amlflow.plugins import describe_plugins

logger = logging.getLogger("amlflow")


def plugins(
    action: str | None, plugin: str | None, uri: str | None
) -> list[dict[str, Any]] | dict[str, Any] | None:
    """``plugins``: lists the plugins and their features. Also ``check NAME`` and ``new NAME``."""
    if action == "new":
        if plugin is None or uri is not None:
            raise WrongUsage(
                "The command is `amlflow plugins new NAME`. It writes a folder for a plugin."
            )
        from amlflow.cli.new_plugin import write_plugin  # only needed by plugin authors

        return write_plugin(plugin)
    if action is not None or uri is not None:
        if plugin is None:
            raise WrongUsage(
                "The command is `amlflow plugins check NAME`. `amlflow plugins` prints the names."
            )
        from amlflow.cli.plugin_check import check  # only this action needs a subprocess

        check(plugin, uri)
        return None
    installed = describe_plugins()
    for entry in installed:
        for line in _layers(entry):
            logger.debug("%s: %s", entry["plugin"], line)
    return installed


def _layers(plugin: dict[str, Any]) -> list[str]:
    """List the layers that amlflow puts around a plugin's tracker, with the reasons."""
    if "tracker" not in plugin["hooks"]:
        return []
    features = frozenset(plugin["features"])
    layers = [
        f"layer {layer.__name__.removesuffix('Layer')}: {reason}"
        for layer, reason in layers_for(features)
    ]
    if is_journaled(features):
        layers.append("layer Journaled: logged values must be stored even if the process dies")
    return layers or ["no layers: the tracker claims all features itself"]
