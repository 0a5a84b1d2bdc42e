"""The studio: adds features of v1's studio to MLflow's server and page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.spec import hookimpl

if TYPE_CHECKING:
    from amlflow.spec import Commands

amlflow_spec = 1


@hookimpl
def amlflow_commands(group: Commands) -> None:
    """Add the command ``amlflow ui``."""
    # Imported here, since only the command line needs it.
    from amlflow_page.command import ui

    group.add("ui", ui, "amlflow ui --port 5001")
