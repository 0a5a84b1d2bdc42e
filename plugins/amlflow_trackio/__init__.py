"""trackio as a tracker: its folder on this machine, and a database for what trackio lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.spec import hookimpl

from amlflow_trackio.claims import FEATURES

if TYPE_CHECKING:
    from amlflow.spec import Tracker

amlflow_spec = 1
features = FEATURES
check_uri = "trackio://{folder}"


@hookimpl
def amlflow_tracker(uri: str) -> Tracker | None:
    """Accept ``trackio://`` for trackio's own folder, and ``trackio:///path`` for another one."""
    if uri.partition(":")[0] != "trackio":
        return None
    # Only a process that opens such a tracker needs it.
    from amlflow_trackio.tracker import TrackioTracker

    return TrackioTracker(uri)


@hookimpl
def amlflow_absolute_uri(uri: str) -> str | None:
    """Return the absolute form of ``trackio://``, with trackio's own folder."""
    if uri.rstrip("/") != "trackio:":
        return None
    # Only a process that opens such a tracker needs it.
    from amlflow_trackio.folders import folder_of, uri_of

    return uri_of(folder_of(uri))
