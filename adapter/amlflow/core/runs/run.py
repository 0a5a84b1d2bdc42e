"""A run: v1's ``azureml.core.run``."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from amlflow.claims import RUN_ID, without_claims
from amlflow.core import html
from amlflow.core.absent.members import refuse_member
from amlflow.core.arguments import check_class, check_text, to_conditions, to_tag_keys, to_texts
from amlflow.core.listing import LazyListing
from amlflow.core.runs.children import RunChildren
from amlflow.core.runs.data_notes import InputDatasets, output_paths
from amlflow.core.runs.files import RunFiles
from amlflow.core.runs.listing import RUNS, to_cells
from amlflow.core.runs.metrics import RunMetrics
from amlflow.core.runs.offline import OfflineRun
from amlflow.core.runs.waiting import RunWaiting
from amlflow.core.store import (
    ExperimentBase,
    WorkspaceBase,
    experiment_of,
    store_of,
    tracker_of,
    workspace_of_this_job,
)
from amlflow.exceptions import RunEnvironmentException, UserErrorException
from amlflow.spec import Condition, Op, RunChange, RunQuery, RunRecord

logger = logging.getLogger("amlflow")

DOCS = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.run(class)"


class Run(RunMetrics, RunChildren["Run"], RunFiles, RunWaiting):
    """One execution: its metrics, tags and properties, state, children and files.

    Source: ``azureml.core.Run`` 1.61; names, parameters and shapes are v1's.
    """

    DELIM = "#"
    EXPERIMENT_ID_PATH = "/experiments/id/{0}"
    EXPERIMENT_NAME_PATH = "/experiments/{0}"
    RUN_PATH = "/runs/{0}"
    TID_FMT = "&tid={0}"
    WORKSPACE_FMT = "?wsid=/subscriptions/{0}/resourcegroups/{1}/workspaces/{2}"

    _types: ClassVar[dict[str, Callable[[ExperimentBase, RunRecord], Run]]] = {}

    def __init__(
        self, experiment: ExperimentBase, run_id: str, outputs: str | None = None, **kwargs: Any
    ) -> None:
        """Open an existing run.

        Args:
            experiment: Its experiment.
            run_id: Its id, or the tracker's own id for it.
            outputs: A folder whose files are stored in the run when it ends.

        Raises:
            ServiceException: the experiment has no such run.
        """
        _check_experiment(experiment, f"{type(self).__name__}(experiment, run_id)")
        check_text(run_id, "A run's id", f"{type(self).__name__}(experiment, run_id)")
        record = tracker_of(experiment).get_run(run_id, experiment.id)
        self._init(experiment, record, (outputs,) if outputs else ())

    def _init(
        self, experiment: ExperimentBase, record: RunRecord, tracked: tuple[str, ...]
    ) -> None:
        self._store = store_of(experiment)
        self._experiment, self._record, self._tracked = experiment, record, tracked

    if not TYPE_CHECKING:  # hidden from type checkers, so that they report a missing member

        def __getattr__(self, name: str) -> Any:
            refuse_member(type(self), name)

    def _run_of(
        self,
        record: RunRecord,
        tracked: tuple[str, ...] = (),
        experiment: ExperimentBase | None = None,
    ) -> Run:
        return run_of(experiment or self._experiment, record, tracked)

    # finding runs

    @staticmethod
    def get(workspace: WorkspaceBase, run_id: str) -> Run:
        """Return the run with this id, in any experiment of the workspace."""
        check_class(workspace, WorkspaceBase, "A run is got from a Workspace", _GET)
        check_text(run_id, "A run's id", _GET)
        return get_run_in(workspace, run_id)

    @staticmethod
    def list(
        experiment: ExperimentBase,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> LazyListing[Run]:
        """Return the experiment's runs, newest first. See :meth:`Experiment.get_runs`."""
        _check_experiment(experiment, "Run.list(experiment)")
        conditions = to_conditions(type, tags, properties, status)
        return find_runs(experiment, conditions, include_children)

    @staticmethod
    def list_by_compute(
        compute: Any,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
    ) -> LazyListing[Run]:
        """Return the runs of a compute target, newest first."""
        target = Condition("system", Op.EQ, compute.name, key="target")
        conditions = [target, *to_conditions(type, tags, properties, status)]
        workspace = compute.workspace
        records = tracker_of(workspace).find_runs(RunQuery(conditions=conditions))
        runs = (run_of(experiment_of(workspace, record), record) for record in records)
        return LazyListing(runs, RUNS)

    @classmethod
    def get_context(
        cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any
    ) -> SubmittedRun:
        """Return the submitted run of this process, otherwise an offline run that prints.

        An offline run has only the logging calls. Any other call raises an AttributeError that says
        what to do. The declared return type is that of a submitted run, because scripts are written
        for one.

        Raises:
            RunEnvironmentException: the process was not submitted, and ``allow_offline`` is False.
        """
        return cast("SubmittedRun", current_run(allow_offline))

    @classmethod
    def get_submitted_run(cls, **kwargs: Any) -> SubmittedRun:
        """Return ``get_context(allow_offline=False)``. This is v1's deprecated name for it."""
        return cls.get_context(allow_offline=False)

    @staticmethod
    def add_type_provider(
        runtype: str, run_factory: Callable[[ExperimentBase, RunRecord], Run]
    ) -> None:
        """Use ``run_factory(experiment, record)`` to create the objects for runs of a type."""
        Run._types[runtype] = run_factory

    # identity

    @property
    def name(self) -> str | None:
        """The run's display name, under v1's older name."""
        return self._record.name

    @property
    def display_name(self) -> str | None:
        """The run's name for people. Assign to it to rename the run."""
        return self._record.name

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._update(RunChange(name=str(value)))

    @property
    def description(self) -> str | None:
        """A text in Markdown about the run. Assign to it to replace the text; None empties it."""
        return self._record.description

    @description.setter
    def description(self, value: str | None) -> None:
        self._update(RunChange(description="" if value is None else str(value)))

    @property
    def number(self) -> int:
        """The run's number in its experiment, by creation, from 1."""
        return self._tracker.run_numbers([self._record])[0]

    @property
    def type(self) -> str | None:
        """The run's type, such as ``azureml.scriptrun``; None for a run of a notebook."""
        return self._record.type

    @property
    def identity(self) -> str:
        """A name for the run in log messages."""
        return f"{type(self).__name__}#{self.id}"

    # metadata

    @property
    def tags(self) -> dict[str, str | None]:
        """The last known tags. :meth:`get_tags` reads them again."""
        return dict(self._record.tags)

    def get_tags(self) -> dict[str, str | None]:
        """Return the current tags. A tag without a value is None."""
        return dict(self._reload().tags)

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag; without ``value``, a tag without a value. Tags can be changed later."""
        check_text(key, "A tag's key", "run.tag(key, value); run.set_tags({…}) sets several")
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags. Values become texts, except None."""
        self._update(RunChange(tags=to_texts(tags, "set_tags")))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by their keys. A tag that does not exist is ignored."""
        self._update(RunChange(tags_removed=to_tag_keys(tags, "run.remove_tags(['key'])")))

    @property
    def properties(self) -> dict[str, str]:
        """The last known properties. :meth:`get_properties` reads them again."""
        return without_claims(self._record.properties)

    def get_properties(self) -> dict[str, str]:
        """Return the current properties."""
        return without_claims(self._reload().properties)

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties. They cannot be changed or removed later.

        Raises:
            UserErrorException: a key already has another value. The message names the key and both
                values, and none of the call's properties were added. You may add the same value
                again.
        """
        texts = to_texts(properties, "add_properties")
        self._update(RunChange(properties={key: value or "" for key, value in texts.items()}))

    # links and display

    def get_portal_url(self) -> str:
        """Return the address of the run's page."""
        return self._tracker.run_link(self._record)

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """Return the address of v1's documentation of this class."""
        return DOCS

    def __str__(self) -> str:
        parts = {
            "Experiment": self._experiment.name,
            "Id": self.id,
            "Type": self.type,
            "Status": self.status,
        }
        return "Run(" + ",\n".join(f"{key}: {value}" for key, value in parts.items()) + ")"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self._record.id == other._record.id

    def __hash__(self) -> int:
        return hash(self._record.id)

    def _repr_html_(self) -> str:
        docs = html.link(self.get_docs_url(), "Link to Documentation")
        return html.table({**to_cells(self), "Docs Page": docs})

    # what only Azure has

    def clean(self) -> None:
        """Raise UserErrorException: a run has no remote working folder to clean."""
        raise UserErrorException(
            "run.clean() removes files from a remote Azure target, and amlflow leaves none there."
        )

    def get_secret(self, name: str) -> str:
        """Raise UserErrorException: amlflow has no key vault."""
        return self.get_secrets([name])[name]

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str]:
        """Raise UserErrorException: amlflow has no key vault."""
        raise UserErrorException(
            f"The secrets {list(secrets)} cannot be read: a workspace here has no key vault. "
            "Pass secrets to the script as environment variables and read os.environ."
        )


_GET = "Run.get(workspace, run_id)"


def _check_experiment(value: Any, right: str) -> None:
    check_class(value, ExperimentBase, "A run is in an Experiment", right)


def run_of(experiment: ExperimentBase, record: RunRecord, tracked: tuple[str, ...] = ()) -> Run:
    """Return the run of a record, without asking the tracker.

    ``tracked`` are the folders whose files are stored in the run when it ends.
    """
    factory = Run._types.get(record.type or "")
    if factory is not None:
        return factory(experiment, record)
    run = Run.__new__(Run)
    run._init(experiment, record, tracked)
    return run


def get_run_in(workspace: WorkspaceBase, run_id: str) -> Run:
    """Return the run with this id, in any experiment of a workspace. Raises RunNotFound."""
    record = tracker_of(workspace).get_run(run_id)
    return run_of(experiment_of(workspace, record), record)


def find_runs(
    experiment: ExperimentBase, conditions: Sequence[Condition], include_children: bool
) -> LazyListing[Run]:
    """Return the experiment's runs that meet the conditions, newest first.

    They are read while you iterate.
    """
    if not include_children:
        conditions = [*conditions, Condition("parent_id", Op.LACKS)]
    query = RunQuery(experiment_ids=[experiment.id], conditions=conditions)
    records = tracker_of(experiment).find_runs(query)
    return LazyListing((run_of(experiment, record) for record in records), RUNS)


def get_run(
    experiment: ExperimentBase, run_id: str, rehydrate: bool = True, clean_up: bool = True
) -> Run:
    """Return the experiment's run with this id: v1's ``azureml.core.get_run``."""
    return Run(experiment, run_id)


class SubmittedRun(Run):
    """The run of a submitted script, inside the script.

    Its status follows from the script's exit code, so :meth:`complete` and :meth:`fail` do not set
    it.
    """

    @property
    def input_datasets(self) -> InputDatasets:
        """The inputs by name: a path, or the data set itself."""
        return InputDatasets(self._experiment.workspace)

    @property
    def output_datasets(self) -> dict[str, str]:
        """The folders of the outputs by name."""
        return output_paths()

    def complete(self, _set_status: bool = True) -> None:
        """Send what was logged. The run becomes Completed if the script ends with exit code 0."""
        self.flush()

    def fail(
        self,
        error_details: str | BaseException | None = None,
        error_code: str | None = None,
        _set_status: bool = True,
    ) -> None:
        """Send what was logged. The run becomes Failed if the exit code of the script is not 0."""
        self.flush()

    def cancel(self) -> None:
        """Log a warning and do nothing else: a script cannot cancel its own run.

        The script ends the run with its exit code. Others cancel the run from outside.
        """
        logger.warning(
            "run.cancel() has no effect inside of run %s; end the script with sys.exit(), or "
            "cancel it from outside.",
            self.id,
        )

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.flush()


# Scripts also recognise a submitted run by its class name.
SubmittedRun.__name__ = SubmittedRun.__qualname__ = "_SubmittedRun"
SubmittedRun.__module__ = "azureml.core.run"


def current_run(allow_offline: bool) -> SubmittedRun | OfflineRun:
    """Return the submitted run of this process, or an offline run if it was not submitted.

    For a submitted run, each call returns the same object.

    Raises:
        RunEnvironmentException: this process was not submitted, and ``allow_offline`` is False.
        ServiceException: the tracker does not have the run that the environment names.
    """
    run_id = os.environ.get(RUN_ID)
    if run_id:
        return _open_submitted(run_id)
    if not allow_offline:
        raise RunEnvironmentException()
    return OfflineRun()


@functools.cache
def _open_submitted(run_id: str) -> SubmittedRun:
    workspace = workspace_of_this_job()
    record = tracker_of(workspace).get_run(run_id)
    run = SubmittedRun.__new__(SubmittedRun)
    run._init(experiment_of(workspace, record), record, ())
    return run
