"""A run: v1's ``azureml.core.run``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from amlflow.core import html
from amlflow.core.absent.members import refuse_member
from amlflow.core.arguments import check_class, check_list, check_text
from amlflow.core.conditions import from_arguments
from amlflow.core.runs.children import RunChildren
from amlflow.core.runs.metrics import RunMetrics
from amlflow.core.runs.state import RunLife
from amlflow.exceptions import UserErrorException
from amlflow.spec import Condition, Op, RunChange, RunQuery, RunRecord

if TYPE_CHECKING:
    from amlflow.core.experiment import Experiment
    from amlflow.core.workspace import Workspace

DOCS = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.run(class)"


class Run(RunMetrics, RunChildren, RunLife):
    """One execution: what it logged, its tags and properties, its state, children and files.

    Source: ``azureml.core.Run`` 1.61; names, parameters and shapes are v1's.
    """

    DELIM = "#"
    EXPERIMENT_ID_PATH = "/experiments/id/{0}"
    EXPERIMENT_NAME_PATH = "/experiments/{0}"
    RUN_PATH = "/runs/{0}"
    TID_FMT = "&tid={0}"
    WORKSPACE_FMT = "?wsid=/subscriptions/{0}/resourcegroups/{1}/workspaces/{2}"

    _types: ClassVar[dict[str, Callable[[Experiment, RunRecord], Run]]] = {}

    def __init__(
        self, experiment: Experiment, run_id: str, outputs: str | None = None, **kwargs: Any
    ) -> None:
        """Open a run that exists.

        Args:
            experiment: The experiment it belongs to.
            run_id: Its id, or the tracker's own id of it.
            outputs: A folder whose files become the run's when it ends.

        Raises:
            ServiceException: the experiment has no such run.
        """
        _check_experiment(experiment, f"{type(self).__name__}(experiment, run_id)")
        check_text(run_id, "A run's id", f"{type(self).__name__}(experiment, run_id)")
        record = experiment.workspace._tracker.get_run(run_id, experiment.id)
        self._init(experiment, record, (outputs,) if outputs else ())

    def _init(self, experiment: Experiment, record: RunRecord, tracked: tuple[str, ...]) -> None:
        self._experiment, self._record, self._tracked = experiment, record, tracked

    if not TYPE_CHECKING:  # a type checker is to see that a member is not there

        def __getattr__(self, name: str) -> Any:
            refuse_member(type(self), name)

    @classmethod
    def _of(cls, experiment: Experiment, record: RunRecord, tracked: tuple[str, ...] = ()) -> Run:
        """The run of a record that is known already."""
        made = cls._types.get(record.type or "")
        if made is not None:
            return made(experiment, record)
        run = cls.__new__(cls)
        run._init(experiment, record, tracked)
        return run

    # finding runs

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """The run of this id, in whatever experiment of the workspace."""
        from amlflow.core.workspace import Workspace

        check_class(workspace, Workspace, "A run is got from a Workspace", _GET)
        check_text(run_id, "A run's id", _GET)
        return workspace.get_run(run_id)

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """The experiment's runs, newest first; see :meth:`Experiment.get_runs`."""
        _check_experiment(experiment, "Run.list(experiment)")
        return experiment._find(from_arguments(type, tags, properties, status), include_children)

    @staticmethod
    def list_by_compute(
        compute: Any,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """The runs of a compute target, newest first."""
        target = Condition("system", Op.EQ, compute.name, key="target")
        conditions = [target, *from_arguments(type, tags, properties, status)]
        workspace = compute.workspace
        found = workspace._tracker.find_runs(RunQuery(conditions=conditions))
        return (workspace._run(record) for record in found)

    @classmethod
    def get_context(
        cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any
    ) -> Any:
        """The run that this process was submitted as, or else an offline run that prints.

        Raises:
            RunEnvironmentException: it was not submitted, and ``allow_offline`` is False.
        """
        from amlflow.core.runs.context import current_run

        return current_run(allow_offline)

    @classmethod
    def get_submitted_run(cls, **kwargs: Any) -> Any:
        """v1's deprecated name of ``get_context(allow_offline=False)``."""
        return cls.get_context(allow_offline=False)

    @staticmethod
    def add_type_provider(
        runtype: str, run_factory: Callable[[Experiment, RunRecord], Run]
    ) -> None:
        """Have runs of a type made by ``run_factory(experiment, record)``."""
        Run._types[runtype] = run_factory

    # identity

    @property
    def name(self) -> str | None:
        """The run's display name, v1's older word for it."""
        return self._record.name

    @property
    def display_name(self) -> str | None:
        """The run's name for people; assigning it renames the run."""
        return self._record.name

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._update(RunChange(name=str(value)))

    @property
    def description(self) -> str | None:
        """A text in Markdown about the run; assigning it replaces it."""
        return self._record.description

    @description.setter
    def description(self, value: str) -> None:
        self._update(RunChange(description=str(value)))

    @property
    def number(self) -> int:
        """The run's place in its experiment by creation, from 1."""
        return self._tracker.run_numbers([self._record])[0]

    @property
    def type(self) -> str | None:
        """The run's type, such as ``azureml.scriptrun``; None for a run of a notebook."""
        return self._record.type

    @property
    def identity(self) -> str:
        """A name for the run in logs."""
        return f"{type(self).__name__}#{self.id}"

    # metadata

    @property
    def tags(self) -> dict[str, str | None]:
        """The tags as last known; :meth:`get_tags` asks for them."""
        return dict(self._record.tags)

    def get_tags(self) -> dict[str, str | None]:
        """The tags now; a tag without a value is None."""
        return dict(self._reload().tags)

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag, or a tag without a value. Tags can change; see :meth:`add_properties`."""
        check_text(key, "A tag's key", "run.tag(key, value); run.set_tags({…}) sets several")
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; values become texts, and None stays None."""
        self._update(RunChange(tags=texts(tags, "set_tags")))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by their keys; one that is not there is ignored."""
        self._update(RunChange(tags_removed=tag_keys(tags, "run.remove_tags(['key'])")))

    @property
    def properties(self) -> dict[str, str]:
        """The properties as last known; :meth:`get_properties` asks for them."""
        return dict(self._record.properties)

    def get_properties(self) -> dict[str, str]:
        """The properties now."""
        return dict(self._reload().properties)

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties, which nobody can change or remove any more.

        Raises:
            UserErrorException: a key has another value already. It names the key and both values,
                and nothing of the call was applied. The same value again is fine.
        """
        stated = {
            key: "" if value is None else value
            for key, value in texts(properties, "add_properties").items()
        }
        self._update(RunChange(properties=stated))

    # links and looks

    def get_portal_url(self) -> str:
        """The address of the run's page."""
        return self._tracker.run_link(self._record)

    @property
    def portal_url(self) -> str:
        """As :meth:`get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """The address of v1's documentation of this class."""
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
        return html.table(
            {
                "Experiment": html.link(self._experiment.get_portal_url(), self._experiment.name),
                "Id": html.link(self.get_portal_url(), self.id),
                "Type": html.text(self.type),
                "Status": html.text(self.status),
                "Details Page": html.link(self.get_portal_url(), "Link to MLflow's page"),
                "Docs Page": html.link(self.get_docs_url(), "Link to Documentation"),
            }
        )

    # what only Azure has

    def clean(self) -> None:
        """Refused: a run has no remote working folder to clean."""
        raise UserErrorException(
            "run.clean() removes files from a remote Azure target, and amlflow leaves none there."
        )

    def get_environment(self) -> Any:
        """Refused: environments are Azure's."""
        raise UserErrorException(
            "Environments are registered in Azure only. Log the packages of a run with "
            "run.upload_file('requirements.txt', 'requirements.txt')."
        )

    def get_secret(self, name: str) -> str:
        """Refused: amlflow has no key vault."""
        return self.get_secrets([name])[name]

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str]:
        """Refused: amlflow has no key vault."""
        raise UserErrorException(
            f"The secrets {list(secrets)} cannot be read: a workspace here has no key vault. "
            "Pass secrets to the script as environment variables and read os.environ."
        )


_GET = "Run.get(workspace, run_id)"


def _check_experiment(value: Any, right: str) -> None:
    from amlflow.core.experiment import Experiment

    check_class(value, Experiment, "A run is in an Experiment", right)


def tag_keys(keys: Any, right: str) -> list[str]:
    """The keys of tags to remove; one text is one key."""
    if isinstance(keys, str):
        return [keys]
    check_list(keys, "The keys of tags to remove", right)
    found = list(keys)
    for key in found:
        check_text(key, "A tag's key", right)
    return found


def texts(values: Mapping[str, Any], call: str) -> dict[str, str | None]:
    """Keys and values as texts, None left as it is.

    Raises:
        UserErrorException: it is not a dict, or a key is empty.
    """
    if not isinstance(values, Mapping):
        raise UserErrorException(
            f"{call} takes a dict of keys and values, and got a {type(values).__name__}."
        )
    for key in values:
        if not isinstance(key, str) or not key:
            raise UserErrorException(f"{call}: a key is a text that is not empty, not {key!r}.")
    return {key: None if value is None else str(value) for key, value in values.items()}


def get_run(
    experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True
) -> Run:
    """The experiment's run of this id; v1's ``azureml.core.get_run``."""
    return Run(experiment, run_id)
