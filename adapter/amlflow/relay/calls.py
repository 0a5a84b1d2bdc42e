"""The methods that a script may call, grouped by how results and files are sent."""

from __future__ import annotations

from amlflow.spec import ModelRegistry, TrackerBase

METHODS = frozenset(
    name
    for kind in (TrackerBase, ModelRegistry)
    for name in dir(kind)
    if not name.startswith("_") and callable(getattr(kind, name))
)
"""The methods of the contract."""
STREAMED = frozenset({"find_runs", "list_experiments", "find_models"})
"""The methods whose results are sent one after the other."""
FETCHES = frozenset({"get_file", "get_snapshot", "get_model_files"})
"""The methods that write to the paths that they get. All other paths are of files to send."""
