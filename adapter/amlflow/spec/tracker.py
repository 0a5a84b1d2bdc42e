"""A tracker: it keeps experiments, runs, what runs log, and their files.

Every method, what it does, and what it raises. Each may also raise ``Unavailable``, and
``AuthenticationException`` if the tracker does not let the caller in. *One* under "atomic" means
that the whole call happens or nothing of it, also if several processes call it at once, and if one
of them dies or is interrupted; *each* means that this holds for each item, and a call that is
repeated stores what is missing. Optional methods have a default in ``TrackerBase``. A tracker with
the feature ``MODELS`` also has the methods of ``ModelRegistry``.

====================  ======================================  ============================  =======
method                what it does                            raises                        atomic
====================  ======================================  ============================  =======
ensure_experiment     finds or creates an experiment          Refused                       one
find_experiment       (optional) finds one by its name
get_experiment        reads an experiment                     ExperimentNotFound
list_experiments      reads all, newest first
update_experiment     renames, tags, archives                 ExperimentNotFound, Refused   each
delete_experiment     deletes an empty experiment             ExperimentNotFound, Refused   one
create_runs           creates runs, requested ids are unique  ExperimentNotFound, Refused   one
get_run               reads a run by id or alias              RunNotFound
run_numbers           (optional) numbers runs by creation
find_runs             reads the runs that match a query
update_run            changes a run, see ``transition``       RunNotFound, Refused,         one
                                                              PropertyConflict
delete_run            (optional) takes a run out of searches  RunNotFound                   one
restore_run           (optional) undoes delete_run            RunNotFound                   one
check_name            (optional) checks a metric's name       Refused
write_points          stores values, each identity once       RunNotFound, Refused,         each
                                                              TooLarge
read_points           reads values of all writers             RunNotFound
put_files             stores files                            RunNotFound, FileInRun,       each
                                                              Refused
list_files            lists names by prefix                   RunNotFound
get_file              writes a file's content to a path       RunNotFound, FileNotInRun     one
has_snapshot          looks for a snapshot
put_snapshot          stores a snapshot by its digest         Refused                       one
get_snapshot          writes a snapshot to a path             Refused                       one
run_link              (optional) a run's web page
experiment_link       (optional) an experiment's web page
own_paths             (optional) the tracker's local files
count_runs            (optional) counts without reading
first_runs            (optional) sorts without reading
field_values          (optional) reads columns
====================  ======================================  ============================  =======

Of ``update_run``, the properties and all before them are one: a ``PropertyConflict`` changes
nothing. Of ``put_files``, a ``FileInRun`` stores nothing. A file, a snapshot or a point is never
seen in part.
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from amlflow.spec.records import (
    DataInput,
    ExperimentChange,
    ExperimentRecord,
    Point,
    RunChange,
    RunDraft,
    RunRecord,
)
from amlflow.spec.search import RunQuery

VERSION = 1
"""The version of this contract.

A plugin module without an ``amlflow_spec`` or with another one is not loaded, and a log message
names it.
"""


class Feature(str, enum.Enum):
    """What a tracker does natively.

    A tracker that claims a feature does everything that the contract says about it. A tracker is
    never asked for a feature that it does not claim: amlflow's layers add it with what every
    tracker does, above all ``system`` notes and requested ids that stay unique when several
    processes request the same one, or raise :class:`Unsupported`.

    A feature is its text, such as ``"model registry"``. A text that this amlflow does not know is
    ignored, and ``amlflow plugins`` lists it. Name the features one by one: ``frozenset(Feature)``
    also claims those of a later amlflow.
    """

    WRITE_ONCE = "write-once properties"  # else no draft and no change has properties
    SEARCH = "search by tags and properties"  # else find_runs may ignore conditions
    NESTING = "nested runs"  # else no draft has a parent or root
    CANCEL = "cancel requests"  # else statuses are NotStarted, Running and the final ones
    BATCHES = "many points at once"  # else write_points gets them one by one
    ARCHIVE = "archived experiments"  # else no change says archived
    MODELS = "model registry"  # else it need not be a ModelRegistry
    ORDER = "runs in any order"  # else no query has an order
    METRICS = "metrics in searches"  # else no query names metrics
    DELETE = "deleted runs"  # else delete_run and restore_run are not called
    SHARED = "several processes"  # else it lives in one process, and no script can be submitted


class Tracker(Protocol):
    """Stores experiments and runs. Its methods can be called from several threads.

    amlflow opens a tracker at the first call that needs it, once for each URI and process, and
    never closes it: release what it holds when the process ends. Opening may use the disk and the
    network. If it raises :class:`Unavailable`, the next call opens again. The child of a fork opens
    a tracker of its own; it must not use or close what it has inherited, such as a connection.
    """

    @property
    @abstractmethod
    def features(self) -> frozenset[str]:
        """What the tracker does natively."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """The absolute URI that it was opened with."""

    # experiments

    @abstractmethod
    def ensure_experiment(self, name: str) -> ExperimentRecord:
        """The experiment with this name, created if there is none; an archived one stays so."""

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        """The experiment with this name, or None; it creates none, so a reader may call it."""

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        """The experiment with this id. Raises :class:`ExperimentNotFound`."""

    @abstractmethod
    def list_experiments(self) -> Iterator[ExperimentRecord]:
        """All experiments, also archived ones, newest first."""

    @abstractmethod
    def update_experiment(self, experiment_id: str, change: ExperimentChange) -> None:
        """Apply a change.

        Raises :class:`ExperimentNotFound`, and :class:`Refused` if another experiment has the name.
        """

    @abstractmethod
    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and free its name; :class:`Refused` if it has runs.

        Runs that are deleted do not count. Raises :class:`ExperimentNotFound`.
        """

    # runs

    @abstractmethod
    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]:
        """Create runs, in this order, as fast as the tracker can create many.

        If the experiment already has a requested id, even if another process creates it at the same
        time, the call is :class:`Refused` and no run is created. A tracker may also refuse an id
        that a run of another experiment has from it. Raises :class:`ExperimentNotFound`.
        """

    @abstractmethod
    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        """The run with this id or alias, in this experiment, or in any if None.

        An id comes before an alias. If several experiments have a run with the alias, any of them
        is returned. No other method is called with an alias. Raises :class:`RunNotFound`.
        """

    @abstractmethod
    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        """The number of each run in its experiment by creation, from 1, children included."""

    @abstractmethod
    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        """The runs that match a query, and no others, read from the tracker while you iterate.

        They come by creation time, newest first; runs of the same time are ordered by id. A run
        that is created meanwhile does not shift the others: none comes twice, and none is left out.
        """

    @abstractmethod
    def update_run(self, run_id: str, change: RunChange) -> None:
        """Apply a change: properties first, status last.

        Raises :class:`RunNotFound`, :class:`PropertyConflict`, :class:`Refused`.
        """

    def delete_run(self, run_id: str) -> None:
        """Take a run out of all searches; its child runs stay, and ``get_run`` still returns it.

        To delete a deleted run changes nothing. A tracker may refuse other changes of a deleted
        run. Raises :class:`RunNotFound`.
        """

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``: searches find the run again, with all that it had.

        To restore a run that is not deleted changes nothing. Raises :class:`RunNotFound`.
        """

    # metrics

    @abstractmethod
    def check_name(self, name: str) -> None:
        """Raise :class:`Refused` if no metric can have this name. Does not call a server."""

    @abstractmethod
    def write_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Store points, each identity once.

        All points have one writer and are in the order of the calls.

        Raises :class:`RunNotFound`.
        """

    @abstractmethod
    def read_points(self, run_id: str, names: Sequence[str] | None = None) -> list[Point]:
        """The points of all writers, or those with these names, ordered by time and position.

        Raises :class:`RunNotFound`. Values keep their types: bool, int, float (also NaN and
        infinities), str, None. What other clients of the tracker logged to the run is included, as
        scalars.
        """

    # files

    @abstractmethod
    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Store local files of any size under names that may contain ``/``.

        With ``replace``, a file of the same name is replaced; otherwise the call raises
        :class:`FileInRun` and stores no file. Raises :class:`RunNotFound`, and :class:`Refused` for
        a name that :func:`check_file_name` refuses.
        """

    @abstractmethod
    def list_files(self, run_id: str, prefix: str = "") -> list[str]:
        """The names of the run's files that begin with a prefix, sorted, without amlflow's own.

        Raises :class:`RunNotFound`.
        """

    @abstractmethod
    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        """Write a file's content to a local path.

        Raises :class:`RunNotFound`, or :class:`FileNotInRun` if the run has no such file, and then
        writes nothing.
        """

    # snapshots of source folders, stored once whatever the number of runs that use them

    @abstractmethod
    def has_snapshot(self, digest: str) -> bool:
        """Whether a snapshot is stored."""

    @abstractmethod
    def put_snapshot(self, digest: str, archive: Path) -> None:
        """Store a zip archive under the digest of its content."""

    @abstractmethod
    def get_snapshot(self, digest: str, destination: Path) -> None:
        """Write the archive to a local path. Raises :class:`Refused` if it is not stored."""

    # links

    @abstractmethod
    def run_link(self, run: RunRecord) -> str:
        """The address of the run's web page."""

    @abstractmethod
    def experiment_link(self, experiment_id: str) -> str:
        """The address of the experiment's web page."""

    # this machine

    def own_paths(self) -> Sequence[Path]:
        """The absolute paths of the local files and folders in which the tracker stores its data.

        A folder includes everything below it. A database includes the files beside it whose names
        end in ``-wal``, ``-shm`` and ``-journal``. Snapshots leave these paths out and do not open
        them: to open and close another process's SQLite file drops its locks. A tracker without
        this method is taken to have none; one on a server has none.
        """


class QuickSearch(Protocol):
    """What a tracker may offer in addition to :class:`Tracker`, to answer without reading all runs.

    Each method returns None if the runs must be read with :meth:`Tracker.find_runs`.
    """

    def count_runs(self, query: RunQuery) -> int | None:
        """How many runs :meth:`Tracker.find_runs` returns."""

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """The first ``query.limit`` runs that ``find_runs`` returns, sorted by a field.

        ``field`` is written as in :attr:`RunQuery.fields`. Texts are compared by their code points,
        and runs with equal values keep their order. With ``last``, the last runs of that order are
        returned instead, in that order. If a run lacks the field, the result is None.
        """

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """The values of these fields for each run that ``find_runs`` returns, in the same order.

        ``fields`` are written as in :attr:`RunQuery.fields`; ``id``, ``experiment_id`` and
        ``created`` are allowed, too. If a run lacks a field, its value is None.
        """


class ShowsInputs(Protocol):
    """What a tracker may offer in addition to :class:`Tracker`: its page shows what a run reads."""

    def show_inputs(self, run_id: str, inputs: Sequence[DataInput]) -> None:
        """Show the data sets that a run reads. Raises :class:`RunNotFound`."""


class ReadsBeginnings(Protocol):
    """What a tracker may offer in addition to :class:`Tracker`: to read a part of a large file."""

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        """The first ``count`` bytes of a file, or all if it is shorter, without reading the rest.

        The result is None if the whole file must be read with :meth:`Tracker.get_file`, for example
        because the file does not exist or its store cannot be read in part.
        """


class RunKeeper(Protocol):
    """The part of a tracker that the agent of a submitted script needs to watch over one run.

    Every tracker is also a run keeper. A plugin whose tracker takes long to load can offer this
    part separately (:meth:`Hooks.amlflow_run_keeper`), so that a script starts at once and its
    agent stays small. Each method does what the tracker's method of the same name does.
    """

    @abstractmethod
    def get_run(self, run_id: str) -> RunRecord:
        """The run with this id, which is the tracker's id and not an alias.

        Raises :class:`RunNotFound`.
        """

    @abstractmethod
    def update_run(self, run_id: str, change: RunChange) -> None:
        """Apply a change: properties first, status last."""

    @abstractmethod
    def put_files(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Store local files under names that may contain ``/``."""


class ClientServer(Protocol):
    """A server for the tracker's own client in a script, which cannot open the tracker itself."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the server, which the client takes for the tracker's URI."""

    @property
    @abstractmethod
    def variables(self) -> Mapping[str, str]:
        """Other environment variables that the script needs for it, such as a password."""

    @abstractmethod
    def stop(self) -> None:
        """End the server and its processes. It is called once, after the script has ended."""
