"""The contract between amlflow and a tracker, a compute target or a cluster.

A tracker stores experiments, runs, what runs log, and their files. A plugin returns a tracker, an
object with the methods of :class:`Tracker`, from the hook :meth:`Hooks.amlflow_tracker`. A compute
target runs scripts: a plugin returns a :class:`Compute` from the hook
:meth:`Hooks.amlflow_compute` if they run on this machine, and a :class:`Cluster` from the hook
:meth:`Hooks.amlflow_cluster` if they wait in a queue elsewhere.

These conventions hold for the whole contract:

* Ids are opaque strings that the tracker chooses; it never uses one twice.
* Times are timezone-aware datetimes in UTC. A time that comes back differs by less than a
  millisecond; conditions compare the times that come back.
* Whole numbers have any size, and floats are IEEE doubles, NaN and infinities among them.
* Keys, names and values can be any text, also an empty one; a tracker raises :class:`Refused` for a
  text that it cannot store exactly. It never shortens a text.
* Other processes and machines change the same runs at the same time.
* A method does everything that its docstring says, or raises one of the contract's errors and
  changes nothing. The same holds if another exception interrupts it, such as KeyboardInterrupt; the
  next call works.
* Methods must not keep references to their arguments; returned objects must not change later.
* A method takes its arguments by position and by name, as its signature in the contract says; an
  argument that the contract does not have needs a default.
* After :class:`Unavailable`, amlflow sends points, changes, files that may be replaced and
  snapshots again, although the call may have been carried out and only its answer was lost. What
  was carried out before does not change again.

These rules let the contract grow, so that a plugin works with a newer and an older amlflow:

* What is added to version 1 is a method with a default in :class:`TrackerBase`, a keyword-only
  argument with a default, a record's field with a default, or a hook; each can be left out.
* An argument, operator, kind or status that a tracker has to know comes with a feature. A tracker
  that does not claim the feature never gets it. Compute targets and clusters have no features:
  what is new for them is a field of a record.
* An older amlflow ignores the features and methods that it does not know. Mark a hook that it may
  not have with ``@hookimpl(optionalhook=True)``. Make records with fields that it may not have by
  :func:`make_record`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlflow.spec.base import ClusterBase, ComputeBase, TrackerBase, make_record
from amlflow.spec.cluster import (
    ATTEMPT,
    JOB_IMAGE,
    NUDGE,
    PROCESS,
    SIGTERM_FOR_SCRIPT,
    START_FAILURE,
    Cluster,
    ClusterJob,
    ClusterStatus,
    ClusterWork,
    JobState,
    Partition,
)
from amlflow.spec.compute import CONTAINER, JOB, Compute, Ending, Started, Work
from amlflow.spec.errors import (
    ExperimentNotFound,
    FileInRun,
    FileNotInModel,
    FileNotInRun,
    ModelNotFound,
    PropertyConflict,
    Refused,
    RunNotFound,
    TooLarge,
    Unavailable,
    Unsupported,
    is_tried_once,
    redacted,
    tried_once,
)
from amlflow.spec.files import check_file_name
from amlflow.spec.images import ImagePython, Images, MadeImage
from amlflow.spec.limits import KnownLimit
from amlflow.spec.memory import OUT_OF_MEMORY, count_oom_kills
from amlflow.spec.place import without_place
from amlflow.spec.records import (
    METRIC_FIELDS,
    TICK,
    DataInput,
    ExperimentChange,
    ExperimentRecord,
    Kind,
    ModelChange,
    ModelDraft,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunRecord,
)
from amlflow.spec.registry import ModelRegistry
from amlflow.spec.search import Condition, Op, Order, Place, RunQuery
from amlflow.spec.status import COMPLETED_WITH_ERRORS, FINAL, LAUNCHED, UNSTARTED, Status
from amlflow.spec.tracker import (
    VERSION,
    ClientServer,
    Feature,
    QuickSearch,
    ReadsBeginnings,
    RunKeeper,
    ShowsInputs,
    Tracker,
)
from amlflow.spec.transition import transition

if TYPE_CHECKING:
    from amlflow.spec.hooks import Commands, Hooks, hookimpl

__all__ = [
    "ATTEMPT",
    "CONTAINER",
    "COMPLETED_WITH_ERRORS",
    "ClientServer",
    "Cluster",
    "ClusterBase",
    "ClusterJob",
    "ClusterStatus",
    "ClusterWork",
    "Commands",
    "Compute",
    "ComputeBase",
    "Condition",
    "DataInput",
    "Ending",
    "ExperimentChange",
    "ExperimentNotFound",
    "ExperimentRecord",
    "FINAL",
    "Feature",
    "FileInRun",
    "FileNotInModel",
    "FileNotInRun",
    "Hooks",
    "ImagePython",
    "Images",
    "JOB",
    "JOB_IMAGE",
    "JobState",
    "Kind",
    "KnownLimit",
    "LAUNCHED",
    "METRIC_FIELDS",
    "MadeImage",
    "ModelChange",
    "ModelDraft",
    "ModelNotFound",
    "ModelRecord",
    "ModelRegistry",
    "NUDGE",
    "OUT_OF_MEMORY",
    "Op",
    "Order",
    "PROCESS",
    "SIGTERM_FOR_SCRIPT",
    "START_FAILURE",
    "Partition",
    "Place",
    "Point",
    "PropertyConflict",
    "QuickSearch",
    "ReadsBeginnings",
    "Refused",
    "RunChange",
    "RunDraft",
    "RunKeeper",
    "RunNotFound",
    "RunQuery",
    "RunRecord",
    "ShowsInputs",
    "Started",
    "Status",
    "TICK",
    "TooLarge",
    "Tracker",
    "TrackerBase",
    "UNSTARTED",
    "Unavailable",
    "Unsupported",
    "VERSION",
    "Work",
    "check_file_name",
    "count_oom_kills",
    "hookimpl",
    "is_tried_once",
    "make_record",
    "redacted",
    "transition",
    "tried_once",
    "without_place",
]

_FROM_HOOKS = ["hookimpl", "Commands", "Hooks"]


def __getattr__(name: str) -> Any:
    if name not in _FROM_HOOKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Only plugins need pluggy. Without it `import azureml.core` takes a third less time.
    from amlflow.spec import hooks

    return getattr(hooks, name)
