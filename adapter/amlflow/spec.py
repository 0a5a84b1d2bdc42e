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

import contextlib
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from amlflow.exceptions import (
    AzureMLException,
    ServiceException,
    UserErrorException,
)

VERSION = 1
"""Of this contract. A plugin module that states another ``amlflow_spec`` is refused by name."""

if TYPE_CHECKING:
    import pluggy

    hookimpl = pluggy.HookimplMarker("amlflow")
    """Marks a plugin's functions that implement :class:`Hooks`.

    The module of a tracker's plugin may also state ``features``, as its tracker does: ``amlflow
    plugins`` prints them without opening a tracker. ``amlflow plugins check`` opens the tracker at
    ``check_uri``, where ``{folder}`` stands for an empty folder, and the compute target of the kind
    ``check_kind``.
    """


def __getattr__(name: str) -> Any:
    # pluggy is there for plugins; the facade's records need no import of it.
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pluggy

    return pluggy.HookimplMarker("amlflow")


# --- Errors -------------------------------------------------------------------------------------


class ExperimentNotFound(ServiceException):
    """No experiment has this id."""

    status_code = 404

    def __init__(self, experiment_id: str, where: str = "the tracker") -> None:
        super().__init__(f"Experiment {experiment_id!r} does not exist in {where}.")
        self.experiment_id = experiment_id


class RunNotFound(ServiceException):
    """No run has this id."""

    status_code = 404

    def __init__(self, run_id: str, where: str = "the tracker") -> None:
        super().__init__(f"Run {run_id!r} does not exist in {where}.")
        self.run_id = run_id


class FileNotInRun(UserErrorException):
    """The run has no file of this name."""

    def __init__(self, run_id: str, name: str) -> None:
        super().__init__(
            f"Run {run_id} has no file {name!r}; run.get_file_names() lists those it has."
        )
        self.run_id, self.name = run_id, name


class FileInRun(UserErrorException):
    """The run has a file of this name already."""

    def __init__(self, run_id: str, name: str) -> None:
        super().__init__(
            f"Run {run_id} has a file {name!r} already, and files are not overwritten; "
            "choose another name."
        )
        self.run_id, self.name = run_id, name


class PropertyConflict(UserErrorException):
    """A property has another value already. Nothing of the refused change was applied."""

    def __init__(self, key: str, kept: str, refused: str) -> None:
        super().__init__(
            f"Property {key!r} is {kept!r} and cannot become {refused!r}: properties are "
            "immutable. Nothing of this call was applied; use a tag for a value that changes."
        )
        self.key, self.kept, self.refused = key, kept, refused


class Unsupported(UserErrorException):
    """This tracker has no such thing, and amlflow cannot add it."""


class Refused(UserErrorException):
    """The tracker does not take this value; sending it again is of no use."""


class TooLarge(Refused):
    """One call carries more than the tracker takes, as HTTP 413 says; less at once may pass.

    A single point or file that is too large is refused for good.
    """


class Unavailable(ServiceException):
    """The tracker did not answer, or is busy; sending it again may work.

    ``retry_after`` is how many seconds the tracker asks to be left alone, or None.
    """

    status_code = 503

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


_once: ContextVar[bool] = ContextVar("amlflow_once", default=False)


@contextlib.contextmanager
def tried_once() -> Iterator[None]:
    """Within it, this thread's calls raise :class:`Unavailable` at the first failure.

    Whoever calls so tries again itself. A plugin whose client tries again on its own asks
    :func:`is_tried_once` and keeps it from that.
    """
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def is_tried_once() -> bool:
    """Whether this call is made within :func:`tried_once`."""
    return _once.get()


TrackerError = AzureMLException
"""What every method of a tracker may raise: the errors above are its descendants."""


def redacted(uri: str) -> str:
    """The URI without its user name and password, for messages and logs."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


# --- Words --------------------------------------------------------------------------------------


class Feature(str, enum.Enum):
    """What a tracker does natively.

    A tracker that claims a feature does all that this page says of it. One that does not is never
    asked for it: amlflow's layers do it over what every tracker does, above all asked-for ids that
    are unique in any race and ``system`` notes, or refuse it as :class:`Unsupported`.
    """

    WRITE_ONCE = "write-once properties"  # else no draft and no change has properties
    SEARCH = "search by tags and properties"  # else find_runs may ignore conditions
    NESTING = "nested runs"  # else no draft has a parent or root
    CANCEL = "cancel requests"  # else statuses are NotStarted, Running and the final ones
    BATCHES = "many points at once"  # else write_points gets them one by one
    ARCHIVE = "archived experiments"  # else no change says archived
    MODELS = "model registry"  # else register_model is not called, and need not be there
    ORDER = "runs in any order"  # else no query has an order
    SHARED = "several processes"  # else it lives in one process, and no script can be submitted


class Status:
    """v1's run statuses. See :data:`FINAL`."""

    NOT_STARTED = "NotStarted"
    QUEUED = "Queued"
    PREPARING = "Preparing"
    PROVISIONING = "Provisioning"
    STARTING = "Starting"
    RUNNING = "Running"
    CANCEL_REQUESTED = "CancelRequested"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    NOT_RESPONDING = "NotResponding"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    UNAPPROVED = "Unapproved"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})
"""The statuses that end a run. Only Running, which starts it again, or another of them replaces
one; any other that comes late is passed over."""
# The one change between final statuses that amlflow makes itself: the errors turned out later.
COMPLETED_WITH_ERRORS = (Status.COMPLETED, Status.FAILED)
UNSTARTED = frozenset(
    {
        Status.NOT_STARTED,
        Status.QUEUED,
        Status.PROVISIONING,
        Status.PREPARING,
        Status.STARTING,
        Status.UNAPPROVED,
    }
)
"""The statuses of a run that has not begun, and so has no start time."""


class Kind(str, enum.Enum):
    """What sort of metric a point is, in v1's words; it decides the shape of ``Point.value``."""

    SCALAR = "scalar"  # bool, int, float, str or None
    LIST = "list"  # list of those
    ROW = "row"  # {column: one of those}
    TABLE = "table"  # {column: list of those}, all lists equally long
    IMAGE = "image"  # the name of a file of the run
    ACCURACY_TABLE = "accuracy_table"  # these four: the name of a JSON file of the run
    CONFUSION_MATRIX = "confusion_matrix"
    PREDICTIONS = "predictions"
    RESIDUALS = "residuals"


TICK = timedelta(milliseconds=2)
"""Times of points are whole ticks, which leaves a tracker room to tell its own marks apart."""


# --- Records ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord:
    """An experiment as the tracker has it."""

    id: str
    name: str
    created: datetime
    archived: datetime | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentChange:
    """What to change in an experiment; what is left out stays.

    A tag that is both set and removed is removed.
    """

    name: str | None = None
    archived: bool | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run to be made.

    ``run_id`` is an id that the caller asks for, or None. ``writer`` names the process that will
    log most to the run (:class:`Point`), or None where that is not known yet. ``system`` holds
    amlflow's own notes, which users see in other forms; a key is a short identifier.
    """

    experiment_id: str
    run_id: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    name: str | None = None
    type: str | None = None
    status: str = Status.RUNNING
    created: datetime
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as the tracker has it.

    ``id`` is the tracker's id, which every call takes. ``alias`` is the id that the caller asked
    for, which is what users see then. ``root_id`` is the run's own id where it has no parent, and
    None where another client nested it and noted no root. ``system`` is as in :class:`RunDraft`.
    ``params`` are the parameters that other clients of the tracker have logged to the run, by their
    own names; no property is among them.
    """

    id: str
    alias: str | None = None
    experiment_id: str
    parent_id: str | None = None
    root_id: str | None = None
    name: str | None = None
    type: str | None = None
    status: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    user: str | None = None
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)

    def changed(self, change: RunChange) -> RunRecord:
        """The record as a change leaves it, where nobody else changes the run."""
        stated: dict[str, Any] = {
            name: getattr(change, name)
            for name in ("status", "started", "ended", "name", "description")
            if getattr(change, name) is not None
        }
        if change.status == Status.RUNNING:
            stated["ended"] = None
        tags = {**self.tags, **change.tags}
        return replace(
            self,
            tags={key: tags[key] for key in tags if key not in change.tags_removed},
            properties={**self.properties, **change.properties},
            system={**self.system, **change.system},
            **stated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What to change in a run; what is left out stays.

    Properties are added, never changed: a key that exists with another value, in any race, makes
    the whole change a :class:`PropertyConflict`. The same value again is accepted. ``status`` comes
    last, so whoever sees it sees the rest. A final status also sets the end, unless ``ended`` does.
    A tag that is both set and removed is removed.
    """

    status: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    tags_removed: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One logging call: a metric of a run.

    ``writer`` is the process that logged it; ``order`` counts that writer's points of this name in
    this run, from 0. ``position`` (the step, or else the order) together with writer, name and time
    is the point's identity: a tracker stores it once, however often it is sent. Within a writer and
    name, (time, position) grows from call to call.

    A tracker need not give back who wrote a point, and where it cannot tell whether a step was
    given, ``step`` may come back as the position.
    """

    name: str
    value: Any
    kind: Kind = Kind.SCALAR
    step: int | None = None
    order: int
    time: datetime
    writer: str

    @property
    def position(self) -> int:
        return self.order if self.step is None else self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A version of a registered model."""

    name: str
    version: int
    run_id: str | None
    created: datetime
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


# --- Search -------------------------------------------------------------------------------------


class Op(str, enum.Enum):
    """How a condition compares. All but NE and LACKS are false where the field is absent."""

    EQ = "="
    NE = "!="
    HAS = "has"  # the key is there, whatever its value
    LACKS = "lacks"
    STARTS_WITH = "starts with"
    CONTAINS = "contains"
    GE = ">="
    LE = "<="


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one field of a run's (or an experiment's) record.

    ``field`` is an attribute's name; for ``tags``, ``properties`` and ``params``, ``key`` says
    which.
    ``value`` is a string, or a datetime for ``created``, ``started`` and ``ended``.
    """

    field: str
    op: Op
    value: str | datetime | None = None
    key: str | None = None

    def holds(self, record: RunRecord | ExperimentRecord) -> bool:
        """Whether the record meets the condition, exactly. A tracker may use it, or do better."""
        found: Any = getattr(record, self.field)
        if self.key is not None:
            present = self.key in found
            found = found.get(self.key)
        else:
            present = found is not None
        if self.op is Op.HAS:
            return present
        if self.op is Op.LACKS:
            return not present
        if self.op is Op.EQ:
            return present and bool(found == self.value)
        if self.op is Op.NE:
            return not present or bool(found != self.value)
        if found is None or self.value is None:
            return False
        if self.op is Op.STARTS_WITH:
            return str(found).startswith(str(self.value))
        if self.op is Op.CONTAINS:
            return str(self.value) in found
        if self.op is Op.GE:
            return bool(found >= self.value)
        return bool(found <= self.value)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of runs, by one field of their records.

    ``field`` is ``name``, ``description``, ``user`` or ``ended``; or ``tags``, ``properties`` or
    ``system``, of which ``key`` says which. Texts compare as the tracker compares them. Runs that
    lack the field come last, also where it is ``descending``; of runs alike, the newest is first.
    """

    field: str
    key: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to find: those of the experiments that meet every condition.

    None means all experiments that are not archived.

    ``limit`` is a hint that no more runs than these will be read; 0 means no hint. An ``order`` is
    the one in which they come, in place of newest first.

    ``fields`` is a hint that no more than these will be read of the records: attributes, or one
    entry of a map as ``tags.KEY``, those of the conditions among them. What else a record has but
    its id, experiment and creation may be left out then; None means no hint.
    """

    experiment_ids: Sequence[str] | None = None
    conditions: Sequence[Condition] = ()
    limit: int = 0
    order: Order | None = None
    fields: frozenset[str] | None = None


# --- The tracker --------------------------------------------------------------------------------


class Tracker(Protocol):
    """Keeps experiments and runs. Safe to use from several threads."""

    @property
    def features(self) -> frozenset[Feature]:
        """What the tracker does natively."""

    @property
    def uri(self) -> str:
        """The absolute address it was opened with."""

    # experiments

    def ensure_experiment(self, name: str) -> ExperimentRecord:
        """The experiment of this name, made where there is none; archived ones as they are."""

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        """The experiment of this id. Raises :class:`ExperimentNotFound`."""

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        """All experiments, archived ones too, newest first."""

    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        """Apply a change.

        Raises :class:`ExperimentNotFound`, and :class:`Refused` for a name that another experiment
        has.
        """

    def delete_experiment(self, experiment_id: str) -> None:
        """Remove an experiment and free its name; :class:`Refused` where it has runs.

        Raises :class:`ExperimentNotFound`.
        """

    # runs

    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        """Make runs, in this order, as fast as the tracker can make many.

        An asked-for id that the experiment has already, in any race, is :class:`Refused`, and no
        run is made. Raises :class:`ExperimentNotFound`.
        """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        """The run of this id or alias, in this experiment or any. Raises :class:`RunNotFound`."""

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        """The place of each run in its experiment by creation, from 1, children included."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        """The runs that meet a query, and no others, read as they are asked for.

        They come by creation, newest first (of the same time, by id). A run that is made meanwhile
        shifts nothing: no other comes twice or is left out.
        """

    def update_run(self, run_id: str, change: RunChange) -> None:
        """Apply a change: properties first, status last.

        Raises :class:`RunNotFound`, :class:`PropertyConflict`, :class:`Refused`.
        """

    # metrics

    def check_name(self, name: str) -> None:
        """Raise :class:`Refused` if no metric can have this name. Asks nobody."""

    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Store points, each identity once. All are of one writer, in the order of the calls.

        Raises :class:`RunNotFound`.
        """

    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        """The points of all writers, or those of some names, by time and position.

        Raises :class:`RunNotFound`.
        Values come back with their types: bool, int, float (nan and infinities too), str, None.
        What other clients of the tracker logged to the run is there too, as scalars.
        """

    # files

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Store local files, of any size, under names with ``/``.

        With ``replace`` a file of the same name gives way; else it is :class:`FileInRun`, and none
        is stored. Raises :class:`RunNotFound`.
        """

    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        """The names of the run's files that begin with a prefix, in order; amlflow's own left out.

        Raises :class:`RunNotFound`.
        """

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        """Write a file's content to a local path.

        Raises :class:`FileNotInRun`, and writes nothing.
        """

    # snapshots of source folders, stored once whatever the number of runs that use them

    def has_snapshot(self, digest: str) -> bool:
        """Whether a snapshot is stored."""

    def put_snapshot(self, digest: str, archive: Path) -> None:
        """Store a zip archive under its content's digest."""

    def get_snapshot(self, digest: str, destination: Path) -> None:
        """Write the archive to a local path. Raises :class:`Refused` where there is none."""

    # models

    def register_model(
        self,
        run_id: str,
        path: str,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        """Make the run's file or folder the next version of a model."""

    # links

    def run_link(self, run: RunRecord) -> str:
        """The address of the run's page for people."""

    def experiment_link(self, experiment_id: str) -> str:
        """The address of the experiment's page for people."""

    # this machine

    def own_paths(self) -> Sequence[Path]:
        """The absolute paths of local files and folders in which the tracker keeps what it stores.

        A folder stands for all that is below it. A database stands for the files beside it, too,
        whose names end in ``-wal``, ``-shm`` and ``-journal``. Snapshots leave these paths out and
        do not open them. A plugin that lacks this method is taken to have none.
        """


class QuickSearch(Protocol):
    """What a tracker may offer beside :class:`Tracker` to answer sooner than by reading all runs.

    Each method returns None where the runs have to be read, by :meth:`Tracker.find_runs`.
    """

    def count_runs(self, query: RunQuery) -> int | None:
        """How many runs :meth:`Tracker.find_runs` gives."""

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """The first ``query.limit`` runs that ``find_runs`` gives, sorted by a field.

        ``field`` is as in :attr:`RunQuery.fields`. Texts compare by their code points, and runs
        alike stay in their order. With ``last`` they are the last ones of that order instead, in
        it. Where a run lacks the field, it is None.
        """


class RunKeeper(Protocol):
    """The part of a tracker that watches over one run: what the agent of a submitted script needs.

    Every tracker is one. A plugin whose tracker takes long to load may offer this part by itself
    (:meth:`Hooks.amlflow_run_keeper`), so that a script starts at once and its agent stays small.
    Each method promises what the tracker's of the same name does.
    """

    def get_run(self, run_id: str) -> RunRecord:
        """The run of this id, which is the tracker's own. Raises :class:`RunNotFound`."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        """Apply a change: properties first, status last."""

    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Store local files under names with ``/``."""


LAUNCHED = "launched"
"""A key of ``system``. While it is "yes", the status is amlflow's to say: an end that another
client of the tracker sets counts only if it is Canceled, since a script's own calls to the
tracker's client end runs, too. It becomes "ended" together with the final status."""


# --- Compute targets ----------------------------------------------------------------------------

JOB = "AMLFLOW_JOB"
"""The environment variable that holds :attr:`Work.name`. The agent and all processes of a script
have it, whatever they do to their session or group; a script that is submitted from within another
has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a compute target is to run.

    ``name`` is unique, of letters and digits. ``command`` is a program and its arguments, or, with
    ``is_script``, a Python script in ``folder`` and its arguments: the target puts its Python
    before it, or ``python`` where that is not None. ``folder`` is the working folder; what the
    script leaves there must be there when it has ended. ``environment`` comes on top of the
    target's own. What the work writes to its standard output and error is appended to ``output``
    as it comes. Its standard input is empty. ``image`` is the container image that is asked for.
    ``needs`` are further folders of this machine that the script uses by their own paths.
    """

    name: str
    command: Sequence[str]
    is_script: bool
    folder: Path
    output: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    image: str | None = None
    needs: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a work ended: its exit code, and in one sentence why, where the code does not say.

    ``errors_end`` is where in :attr:`Work.output` the last of what the work wrote to its standard
    error ends, in bytes; None where it wrote nothing there, or the target cannot tell.
    """

    code: int
    reason: str | None = None
    errors_end: int | None = None


class Started(Protocol):
    """A work that has been started by this process."""

    def ending(self) -> Ending | None:
        """How it ended, or None while it runs. Does not block; is asked several times a second."""

    def end(self, grace: float) -> None:
        """End all of its processes: ask them to, and after ``grace`` seconds by force.

        Also those that ignore the request or have left their session. Returns when none is left.
        """


class Compute(Protocol):
    """A place where scripts run. The agent that calls it lives on the submitter's machine."""

    @property
    def most_runs(self) -> int | None:
        """How many works may run at once where the target's settings do not say; None: any."""

    def check(self, work: Work) -> None:
        """Raise :class:`ComputeTargetException` if the work cannot run here now, and what to do.

        Called before a run is made; ``folder`` and ``environment`` are not there yet.
        """

    def start(self, work: Work) -> Started:
        """Start a work. Raises :class:`ComputeTargetException`."""

    def clean(self, name: str) -> None:
        """End what still runs of a work whose agent has died; nothing left is not an error."""


# --- Hooks --------------------------------------------------------------------------------------


class Commands(Protocol):
    """What a plugin adds its own commands to."""

    def add(self, name: str, function: Callable[..., Any], example: str) -> None:
        """Make a function the command ``amlflow <name>``; a name may have several words.

        Its docstring is the command's help, with ``:param x:`` for each parameter. These are flags
        of text, required without a default, and without a value where the default is False.
        What it returns is printed as ``-o`` says. Help stays quick if the function imports what it
        needs when it is called.
        """


class Hooks:
    """What a plugin may implement, each marked with ``@hookimpl``.

    No hook of a plugin is in the way of another plugin: one that raises is named on the log, or in
    the error where nobody else could answer.
    """

    def amlflow_tracker(self, uri: str) -> Tracker | None:
        """Open the tracker at this URI, or return None to leave it to another plugin.

        Where two plugins take the same URI, both are named in an error.
        """

    def amlflow_run_keeper(self, uri: str) -> RunKeeper | None:
        """Open just what an agent needs of the tracker at this URI, or return None."""

    def amlflow_compute(self, kind: str, settings: Mapping[str, Any]) -> Compute | None:
        """Open a compute target of this kind, or return None to leave it to another plugin.

        Raises :class:`ComputeTargetException` for a setting that it does not know.
        """

    def amlflow_run_started(self, run: RunRecord) -> None:
        """A run has been started by this process."""

    def amlflow_run_ended(self, run: RunRecord) -> None:
        """A run has been ended by this process; its record has the final status."""

    def amlflow_commands(self, group: Commands) -> None:
        """Add commands to the command line; a name that is taken is refused."""
