"""Base classes for plugins, with a default for everything that a plugin may leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from amlflow.exceptions import ComputeTargetException
from amlflow.spec.cluster import Cluster, ClusterStatus, ClusterWork
from amlflow.spec.compute import Compute, Work
from amlflow.spec.errors import Unsupported, redacted
from amlflow.spec.images import Images
from amlflow.spec.limits import KnownLimit
from amlflow.spec.records import ExperimentRecord, RunRecord
from amlflow.spec.search import RunQuery
from amlflow.spec.tracker import QuickSearch, Tracker

Record = TypeVar("Record")

NO_DELETION = (
    "The tracker at {} cannot delete a run and restore it later. Tag the run instead and search "
    "for runs without the tag, or delete the run for good with the tracker's own tools."
)


class TrackerBase(Tracker, QuickSearch):
    """A tracker with a default for each method that may be left out.

    Inherit from it: a method that is added to the contract later has a default here, so that your
    tracker goes on working. A tracker without this base class must have every abstract method of
    :class:`Tracker`, and gets the same defaults for the others.
    """

    features: frozenset[str] = frozenset()
    known_limits: Sequence[KnownLimit] = ()
    """What the tracker is known not to do; see :class:`KnownLimit`."""
    uri: str = ""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        """The default looks through all experiments."""
        experiments = self.list_experiments()
        return next((record for record in experiments if record.name == name), None)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        """The default reads all runs of these experiments."""
        experiment_ids = sorted({run.experiment_id for run in runs})
        numbers: dict[str, int] = {}
        for experiment_id in experiment_ids:
            fields = frozenset({"id", "created"})
            query = RunQuery(experiment_ids=[experiment_id], fields=fields)
            all_runs = sorted(self.find_runs(query), key=lambda run: (run.created, run.id))
            numbers.update({run.id: number for number, run in enumerate(all_runs, start=1)})
        return [numbers[run.id] for run in runs]

    def delete_run(self, run_id: str) -> None:
        """The default raises :class:`Unsupported`."""
        raise Unsupported(NO_DELETION.format(redacted(self.uri)))

    def restore_run(self, run_id: str) -> None:
        """The default raises :class:`Unsupported`."""
        raise Unsupported(NO_DELETION.format(redacted(self.uri)))

    def check_name(self, name: str) -> None:
        """The default takes any name."""

    def run_link(self, run: RunRecord) -> str:
        """The default is the tracker's URI without a password."""
        return redacted(self.uri)

    def experiment_link(self, experiment_id: str) -> str:
        """The default is the tracker's URI without a password."""
        return redacted(self.uri)

    def own_paths(self) -> Sequence[Path]:
        """The default is none."""
        return ()

    def count_runs(self, query: RunQuery) -> int | None:
        """The default is None: amlflow reads the runs."""
        return None

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """The default is None: amlflow reads the runs."""
        return None

    def field_values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """The default is None: amlflow reads the runs."""
        return None


class ComputeBase(Compute):
    """A compute target with a default for each method that may be left out; inherit from it."""

    known_limits: Sequence[KnownLimit] = ()
    """What the target is known not to do; see :class:`KnownLimit`."""
    images: Images | None = None
    """Its images, if it runs scripts in containers."""

    @property
    def max_runs(self) -> int | None:
        """The default is None: as many as there are."""
        return None

    def check(self, work: Work) -> None:
        """The default takes any work."""


class ClusterBase(Cluster):
    """A cluster with a default for each method that may be left out; inherit from it."""

    known_limits: Sequence[KnownLimit] = ()
    """What the cluster is known not to do; see :class:`KnownLimit`."""

    def identify(self) -> str:
        """The default is the empty text: the same jobs are known to all who open the cluster."""
        return ""

    @property
    def is_distributed(self) -> bool:
        """The default is False: a job is one process."""
        return False

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        """The default takes any work that asks for no image."""
        if work.image is not None:
            raise ComputeTargetException(
                f"The run asks for the image {work.image!r}, which this kind of compute target "
                "does not use. Leave the image out of the environment, or use another target."
            )

    def nudge(self, names: Sequence[str]) -> None:
        """The default does nothing: the command asks the tracker once a second."""

    def addresses(self) -> Sequence[str]:
        """The default has none, as the jobs are not distributed."""
        return []

    def describe(self) -> ClusterStatus | None:
        """The default tells nothing."""
        return None

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        """The default runs the command as it is."""
        return []


def make_record(record: type[Record], **values: Any) -> Record:
    """A record of the contract, without the values whose fields this amlflow does not have.

    Use it if your plugin gives a field that an older amlflow lacks.
    """
    names = {field.name for field in fields(record)}  # type: ignore[arg-type]
    return record(**{name: value for name, value in values.items() if name in names})
