"""An experiment: v1's ``azureml.core.experiment``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlflow.core import html
from amlflow.core.conditions import from_arguments
from amlflow.core.config import find_config
from amlflow.core.git import git_properties
from amlflow.core.run import Run, texts
from amlflow.core.run_files import SNAPSHOT_PROPERTY
from amlflow.core.workspace import Workspace
from amlflow.core.writer import this_writer
from amlflow.exceptions import ProjectSystemException, SnapshotException, UserErrorException
from amlflow.plugins import announce
from amlflow.query.document import PARENT_ALIAS, ROOT_ALIAS
from amlflow.spec import (
    Condition,
    ExperimentChange,
    ExperimentRecord,
    Op,
    RunDraft,
    RunQuery,
    RunRecord,
)
from amlflow.submit import snapshot

if TYPE_CHECKING:
    from amlflow.spec import Tracker

DOCS = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment.experiment"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,255}")
OUTPUTS, LOGS = "outputs", "logs"
_VIEWS = ("ActiveOnly", "ArchivedOnly", "All")


class Experiment:
    """A named collection of runs in a workspace.

    Source: ``azureml.core.Experiment`` 1.61; names, parameters and shapes are v1's.
    """

    DELIM = "#"
    EXPERIMENT_ID_PATH = "/experiments/id/{0}"
    EXPERIMENT_NAME_PATH = "/experiments/{0}"
    TID_FMT = "&tid={0}"
    WORKSPACE_FMT = "?wsid=/subscriptions/{0}/resourcegroups/{1}/workspaces/{2}"

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        _skip_name_validation: bool = False,
        _id: str | None = None,
        _archived_time: datetime | None = None,
        _create_in_cloud: bool = True,
        _experiment_dto: ExperimentRecord | None = None,
        **kwargs: Any,
    ) -> None:
        """Open the experiment of this name, made where there is none; an archived one stays so.

        Raises:
            UserErrorException: the name is not 1-255 letters, digits, ``_`` and ``-``, starting
                with a letter or a digit.
        """
        if not isinstance(workspace, Workspace):
            raise UserErrorException(
                f"Experiment takes a Workspace, and got a {type(workspace).__name__}; "
                "Workspace.from_config() gives one."
            )
        if not _skip_name_validation:
            check_name(name)
        self._workspace = workspace
        self._record = _experiment_dto or workspace._tracker.ensure_experiment(name)

    @classmethod
    def _of(cls, workspace: Workspace, record: ExperimentRecord) -> Experiment:
        return cls(workspace, record.name, _skip_name_validation=True, _experiment_dto=record)

    @property
    def _tracker(self) -> Tracker:
        return self._workspace._tracker

    # identity

    @property
    def workspace(self) -> Workspace:
        """The workspace that the experiment is in."""
        return self._workspace

    @property
    def workspace_object(self) -> Workspace:
        """v1's deprecated name of :attr:`workspace`."""
        return self._workspace

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def id(self) -> str:
        """The tracker's id of the experiment."""
        return self._record.id

    @property
    def archived_time(self) -> str | None:
        """When it was archived (ISO 8601), or None."""
        archived = self._record.archived
        return None if archived is None else archived.isoformat()

    @property
    def identity(self) -> str:
        """A name for the experiment in logs."""
        return f"{type(self).__name__}#{self.name}"

    # runs

    def start_logging(self, *args: Any, **kwargs: Any) -> Run:
        """Start a run that this process logs to; end it with ``complete()`` or a ``with`` block.

        Args:
            name: The run's display name; ``display_name`` is the same.
            run_id: The id it is to have, unique in the experiment.
            outputs: A folder whose files become the run's when it ends, beside ``logs``; True or
                left out for "outputs", False for none.
            snapshot_directory: The folder to take a snapshot of (default "."); None for none.
            description: A text in Markdown.
            tags: Tags to begin with.
            properties: Properties to begin with.

        Raises:
            SnapshotException: the folder is too large for a snapshot; no run was started.
            TypeError: there is no such argument.
        """
        return self._start_logging(*args, **kwargs)

    def _start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: bool | str | None = None,
        snapshot_directory: str | os.PathLike[str] | None = ".",
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> Run:
        asked = texts(properties or {}, "start_logging(properties=…)")
        stated = {**git_properties(), **{key: value or "" for key, value in asked.items()}}
        draft = self._draft(
            name=display_name or name,
            run_id=run_id,
            description=description,
            tags=tags,
            properties=stated,
        )
        if snapshot_directory:
            stated[SNAPSHOT_PROPERTY] = self._snapshot(Path(snapshot_directory))
        return self._started(replace(draft, properties=stated), _tracked(outputs))

    def _snapshot(self, folder: Path) -> str:
        try:
            return snapshot.store(self._tracker, folder)
        except SnapshotException as error:
            raise SnapshotException(
                f"{error.message} Or pass snapshot_directory=None to start_logging for none."
            ) from None

    def _start(
        self, *, tracked: tuple[str, ...] = (), parent: RunRecord | None = None, **values: Any
    ) -> Run:
        return self._started(self._draft(parent=parent, **values), tracked)

    def _started(self, draft: RunDraft, tracked: tuple[str, ...]) -> Run:
        draft = replace(draft, created=self._now(), writer=this_writer().id)
        [record] = self._tracker.create_runs([draft])
        run = Run._of(self, record, tracked)
        run._working_folder = os.getcwd()
        announce("amlflow_run_started", record)
        return run

    def _draft(
        self,
        *,
        parent: RunRecord | None = None,
        run_id: str | None = None,
        tags: Any = None,
        properties: Mapping[str, str] | None = None,
        created: datetime | None = None,
        system: Mapping[str, str] | None = None,
        **values: Any,
    ) -> RunDraft:
        if self._record.archived is not None:
            raise UserErrorException(
                f"Experiment {self.name!r} is archived, so no run can start in it; "
                "experiment.reactivate() brings it back."
            )
        if run_id is not None and not (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
            raise UserErrorException(
                f"{_shown(run_id)} is no id for a run: it is 1-256 letters, digits, '_', '-' and "
                "'.', and starts with a letter or a digit."
            )
        return RunDraft(
            experiment_id=self.id,
            run_id=run_id,
            parent_id=None if parent is None else parent.id,
            root_id=None if parent is None else parent.root_id,
            created=created or self._now(),
            tags=texts(tags or {}, "tags"),
            properties=properties or {},
            system={**_asked_ids(parent), **(system or {})},
            **values,
        )

    def _now(self) -> datetime:
        return datetime.now(timezone.utc)

    def _run(self, record: RunRecord) -> Run:
        return Run._of(self, record)

    def submit(self, config: Any, tags: dict[str, str] | None = None, **kwargs: Any) -> Run:
        """Run a script as a tracked run, and return at once.

        Args:
            config: A :class:`ScriptRunConfig`.
            tags: Tags to begin with.
            snapshot_id: Take the source from this snapshot instead of the configuration's folder.

        Raises:
            UserErrorException: the configuration, or the script it names, cannot be run.
            SnapshotException: the source folder cannot be packed.
            ComputeTargetException: the target is unknown, or does not work now.
        """
        return self._submit(config, tags, parent=None, **kwargs)

    def _submit(
        self, config: Any, tags: dict[str, str] | None, parent: RunRecord | None, **kwargs: Any
    ) -> Run:
        submit_to = getattr(config, "_submit_to", None)
        if submit_to is None:
            raise UserErrorException(
                f"A {type(config).__name__} cannot be submitted; a ScriptRunConfig can."
            )
        run: Run = submit_to(self, tags, parent, **kwargs)
        return run

    def get_runs(
        self,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """The experiment's runs, newest first, read as they are asked for.

        Args:
            type: Only runs of this type.
            tags: A dict (all equal; None: has the key) or the text of a key.
            properties: As ``tags``.
            include_children: Also runs that are nested in others.
        """
        return self._find(from_arguments(type, tags, properties), include_children)

    def query(self, expression: str, include_children: bool = False) -> Any:
        """Ask the experiment's runs a JMESPath expression; amlflow's own, not v1's.

        The expression sees the list of the runs' documents (``amlflow run list`` prints them),
        newest first: ``experiment.query("[?tags.quality == 'fantastic run']")``.

        Returns:
            A list of runs, or a run, where that is what the expression selects; for a projection
            or another value, that value as JSON.

        Raises:
            UserErrorException: it is no JMESPath, or cannot be evaluated on these runs.
        """
        return self._workspace._query(expression, [self], include_children)

    def _find(self, conditions: Sequence[Condition], include_children: bool) -> Iterator[Run]:
        if not include_children:
            conditions = [*conditions, Condition("parent_id", Op.LACKS)]
        query = RunQuery(experiment_ids=[self.id], conditions=conditions)
        return (self._run(record) for record in self._tracker.find_runs(query))

    # metadata

    @property
    def tags(self) -> dict[str, str | None]:
        """The experiment's tags as last known; :meth:`refresh` asks for them."""
        return dict(self._record.tags)

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag, or a tag without a value."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; values become texts, and None stays None."""
        self._change(ExperimentChange(tags=texts(tags, "set_tags")))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by their keys; one that is not there is no error."""
        self._change(ExperimentChange(tags_removed=[tags] if isinstance(tags, str) else list(tags)))

    def archive(self) -> None:
        """Archive the experiment: it is no longer listed, and its runs are kept."""
        self._change(ExperimentChange(archived=True))

    def reactivate(self, new_name: str | None = None) -> None:
        """Bring an archived experiment back. ``new_name`` is refused, as v1 does."""
        if new_name is not None:
            raise UserErrorException(
                f"An experiment cannot be renamed to {new_name!r} while it is reactivated; "
                "leave new_name out."
            )
        self._change(ExperimentChange(archived=False))

    def refresh(self) -> None:
        """Ask for the experiment's tags and state again."""
        self._record = self._tracker.get_experiment(self.id)

    def _change(self, change: ExperimentChange) -> None:
        self._tracker.update_experiment(self.id, change)
        self.refresh()

    # finding experiments

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: Any = None,
    ) -> list[Experiment]:
        """The workspace's experiments, newest first.

        Args:
            workspace: Where to look.
            experiment_name: Only the one of this name.
            view_type: "ActiveOnly", "ArchivedOnly" or "All".
            tags: A dict (all equal; None: has the key) or the text of a key.
        """
        if view_type not in _VIEWS:
            raise UserErrorException(
                f"{view_type!r} is no view_type; it is one of {', '.join(_VIEWS)}."
            )
        conditions = from_arguments(tags=tags)
        return [
            Experiment._of(workspace, record)
            for record in workspace._tracker.list_experiments()
            if (experiment_name in (None, record.name))
            and (
                view_type == "All" or (view_type == "ArchivedOnly") == (record.archived is not None)
            )
            and all(condition.holds(record) for condition in conditions)
        ]

    @staticmethod
    def delete(workspace: Workspace, experiment_id: str) -> None:
        """Delete an experiment that has no runs."""
        workspace._tracker.delete_experiment(experiment_id)

    @staticmethod
    def from_directory(path: str, auth: Any = None) -> Experiment:
        """The experiment that a folder is attached to by ``amlflow folder attach``.

        Raises:
            ProjectSystemException: the folder is not attached to an experiment.
        """
        config = find_config(path)
        if config is None or config.experiment_name is None:
            raise ProjectSystemException(
                f"The folder {str(path)!r} is not attached to an experiment: no config.json at or "
                "above it names one in 'experiment_name'."
            )
        return Experiment(Workspace.from_config(path), config.experiment_name)

    # links and looks

    def get_portal_url(self) -> str:
        """The address of the experiment's page."""
        return self._tracker.experiment_link(self.id)

    @property
    def portal_url(self) -> str:
        """As :meth:`get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """The address of v1's documentation of this class."""
        return DOCS

    def __str__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self._workspace.name})"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Experiment)
            and self.id == other.id
            and self._tracker.uri == other._tracker.uri
        )

    def __hash__(self) -> int:
        return hash((self.id, self._workspace))

    def _repr_html_(self) -> str:
        return html.table(
            {
                "Name": html.link(self.get_portal_url(), self.name),
                "Workspace": html.text(self._workspace.name),
                "Report Page": html.link(self.get_portal_url(), "Link to MLflow's page"),
                "Docs Page": html.link(self.get_docs_url(), "Link to Documentation"),
            }
        )


def check_name(name: Any) -> None:
    """Raise UserErrorException for what is no name of an experiment."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UserErrorException(
            f"{_shown(name)} is no name for an experiment: it is 1-255 letters, digits, '_' and "
            "'-', and starts with a letter or a digit."
        )


def _asked_ids(parent: RunRecord | None) -> dict[str, str]:
    """The ids that users see of a parent and its root, noted where they are not the tracker's."""
    if parent is None:
        return {}
    root = parent.system.get(ROOT_ALIAS)
    if parent.root_id == parent.id:
        root = parent.alias
    asked = {PARENT_ALIAS: parent.alias, ROOT_ALIAS: root}
    return {key: value for key, value in asked.items() if value is not None}


def _tracked(outputs: bool | str | None) -> tuple[str, ...]:
    if outputs is False:
        return (LOGS,)
    return (OUTPUTS if outputs is True else str(outputs or OUTPUTS), LOGS)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}… ({len(str(value))} characters)"
