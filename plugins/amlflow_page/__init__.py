"""The studio: adds to MLflow's server and page what v1's studio has and they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.spec import hookimpl

if TYPE_CHECKING:
    from amlflow.spec import Commands

amlflow_spec = 1


@hookimpl
def amlflow_commands(group: Commands) -> None:
    """``amlflow ui``."""
    # Only the command line needs it.
    from amlflow_page.command import ui

    group.add("ui", ui, "amlflow ui --port 5001")
