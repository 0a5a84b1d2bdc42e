import dataclasses

from amlflow.spec import Feature, hookimpl
from amlflow.testing.memory import MemoryTracker

amlflow_spec = 1
features = frozenset(Feature)
check_uri = "cuts:{folder}"


class CutsOff(MemoryTracker):
    """Cuts long tags off, and claims that other processes see what it keeps in memory."""

    features = features

    def update_run(self, run_id, change):
        tags = {key: value and value[:8000] for key, value in change.tags.items()}
        super().update_run(run_id, dataclasses.replace(change, tags=tags))


@hookimpl
def amlflow_tracker(uri):
    return CutsOff(uri) if uri.startswith("cuts:") else None
