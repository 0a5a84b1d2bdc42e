"""A tracker: it keeps experiments, runs, what runs log, and their files."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from amlflow.spec.records import (
    ExperimentChange,
    ExperimentRecord,
    ModelRecord,
    Point,
    RunChange,
    RunDraft,
    RunRecord,
)
from amlflow.spec.search import RunQuery

VERSION = 1
"""Of this contract. A plugin module that states another ``amlflow_spec`` is refused by name."""


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
