"""``amlflow version``: the versions of amlflow, Python and the plugins."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from amlflow import __version__
from amlflow.plugins import GROUP


def version() -> dict[str, Any]:
    """Return the versions. A plugin has the version of its distribution."""
    plugins = {
        entry.name: f"{entry.dist.name} {entry.dist.version}"
        for entry in metadata.entry_points(group=GROUP)
        if entry.dist is not None
    }
    return {
        "amlflow": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "plugins": dict(sorted(plugins.items())),
    }
