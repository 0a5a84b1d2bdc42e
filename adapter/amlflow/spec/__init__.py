"""The contract between amlflow and a tracker or a compute target: what a plugin author reads.

A tracker keeps experiments, runs, what runs log, and their files. A plugin offers one as an
object with the methods of :class:`Tracker`, returned from the hook :meth:`Hooks.amlflow_tracker`.
A compute target runs scripts somewhere: :class:`Compute`, from :meth:`Hooks.amlflow_compute`.

Conventions that hold for the whole page:

* Ids are opaque strings that the tracker chooses, none of them twice.
* Times are timezone-aware datetimes in UTC.
* Keys, names and values are any text, empty and awkward ones included; what a tracker cannot
  keep exactly it refuses with :class:`Refused`. It never cuts anything off.
* Other processes and machines work on the same runs at the same time.
* A method either does all that it says or raises one of this page's errors and does nothing.
* A call keeps nothing of what it is given, and what it gives back stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlflow.spec.compute import JOB, Compute, Ending, Started, Work
from amlflow.spec.errors import (
    ExperimentNotFound,
    FileInRun,
    FileNotInRun,
    PropertyConflict,
    Refused,
    RunNotFound,
    TooLarge,
    TrackerError,
    Unavailable,
    Unsupported,
    is_tried_once,
    redacted,
    tried_once,
)
from amlflow.spec.records import (
    TICK,
    ExperimentChange,
    ExperimentRecord,
    Kind,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunRecord,
)
from amlflow.spec.search import Condition, Op, Order, RunQuery
from amlflow.spec.status import COMPLETED_WITH_ERRORS, FINAL, LAUNCHED, UNSTARTED, Status
from amlflow.spec.tracker import VERSION, Feature, QuickSearch, RunKeeper, Tracker

if TYPE_CHECKING:
    from amlflow.spec.hooks import Commands, Hooks, hookimpl

__all__ = [
    "COMPLETED_WITH_ERRORS",
    "Commands",
    "Compute",
    "Condition",
    "Ending",
    "ExperimentChange",
    "ExperimentNotFound",
    "ExperimentRecord",
    "FINAL",
    "Feature",
    "FileInRun",
    "FileNotInRun",
    "Hooks",
    "JOB",
    "Kind",
    "LAUNCHED",
    "ModelRecord",
    "Op",
    "Order",
    "Point",
    "PropertyConflict",
    "QuickSearch",
    "Refused",
    "RunChange",
    "RunDraft",
    "RunKeeper",
    "RunNotFound",
    "RunQuery",
    "RunRecord",
    "Started",
    "Status",
    "TICK",
    "TooLarge",
    "Tracker",
    "TrackerError",
    "UNSTARTED",
    "Unavailable",
    "Unsupported",
    "VERSION",
    "Work",
    "hookimpl",
    "is_tried_once",
    "redacted",
    "tried_once",
]

_FROM_HOOKS = ["hookimpl", "Commands", "Hooks"]


def __getattr__(name: str) -> Any:
    # Plugins need pluggy; who only imports records does not, and saves a third of the time that
    # `import azureml.core` takes.
    if name not in _FROM_HOOKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from amlflow.spec import hooks

    return getattr(hooks, name)
