"""What a script may call, by how the results and files travel."""

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
"""Those whose results come one by one."""
FETCHES = frozenset({"get_file", "get_snapshot", "get_model_files"})
"""Those that write the files whose paths they get. All other paths are of files to be sent."""
