from amlflow.spec import hookimpl
from amlflow.testing.memory import MemoryTracker

amlflow_spec = 1


class Half(MemoryTracker):
    find_runs = property()


@hookimpl
def amlflow_tracker(uri):
    return Half(uri) if uri.startswith("half:") else None


@hookimpl
def amlflow_compute(kind, settings):
    return object() if kind == "half" else None
