"""An experiment: v1's ``azureml.core.experiment``."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from amlflow.core import html
from amlflow.core.arguments import (
    check_class,
    check_experiment_name,
    check_path,
    check_text,
    to_conditions,
    to_tag_keys,
    to_texts,
)
from amlflow.core.listing import Columns, LazyListing, Listing
from amlflow.core.project.config_json import find_config
from amlflow.core.project.git import git_properties
from amlflow.core.runs.base import stay_in_folder
from amlflow.core.runs.queries import query_runs
from amlflow.core.runs.run import Run, find_runs, run_of
from amlflow.core.runs.starting import (
    SNAPSHOT_PROPERTY,
    draft_run,
    make_outputs_folder,
    start_run,
    store_snapshot,
    tracked_folders,
)
from amlflow.core.scripts.submitters import submit_config, submit_configs
from amlflow.core.store import (
    ExperimentBase,
    WorkspaceBase,
    open_workspace,
    store_of,
    tracker_of,
)
from amlflow.exceptions import ProjectSystemException, UserErrorException
from amlflow.spec import ExperimentChange, ExperimentRecord, RunRecord
from amlflow.working_folder import working_folder

DOCS = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment.experiment"
OWN = "amlflow."
"""The prefix of amlflow's own experiments. v1 does not allow a dot in a name, so no experiment of
a user has this prefix."""
_VIEWS = ("ActiveOnly", "ArchivedOnly", "All")


class Experiment(ExperimentBase):
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
        workspace: WorkspaceBase,
        name: str,
        _skip_name_validation: bool = False,
        _id: str | None = None,
        _archived_time: datetime | None = None,
        _create_in_cloud: bool = True,
        _experiment_dto: ExperimentRecord | None = None,
        **kwargs: Any,
    ) -> None:
        """Open the experiment of this name, or create it. An archived experiment stays archived.

        Raises:
            UserErrorException: it does not exist, and the name is not valid. A valid name has 1-255
                letters, digits, ``_`` and ``-``, and starts with a letter or a digit.
        """
        if not isinstance(workspace, WorkspaceBase):
            is_swapped = isinstance(name, WorkspaceBase)
            instead = "the workspace comes first: Experiment(workspace, name)"
            raise UserErrorException(
                f"Experiment takes a Workspace, and got a {type(workspace).__name__}; "
                + (f"{instead}." if is_swapped else "Workspace.from_config() gives one.")
            )
        self._workspace = workspace
        self._store = store_of(workspace)
        self._record = (
            _experiment_dto
            or (None if _skip_name_validation else self._find_by_foreign_name(name))
            or self._tracker.ensure_experiment(name)
        )

    def _find_by_foreign_name(self, name: Any) -> ExperimentRecord | None:
        """Find an experiment that another client has created under a name that v1 does not allow.

        Returns None if v1 allows the name.

        Raises:
            UserErrorException: v1 does not allow the name, and no experiment has it.
        """
        try:
            check_experiment_name(name)
        except UserErrorException:
            records = self._tracker.list_experiments() if isinstance(name, str) and name else ()
            for record in records:
                if record.name == name:
                    return record
            raise
        return None

    # identity

    @property
    def identity(self) -> str:
        """A name for the experiment in log messages."""
        return f"{type(self).__name__}#{self.name}"

    # metadata

    @property
    def tags(self) -> dict[str, str | None]:
        """The last known tags. :meth:`refresh` reads them again."""
        return dict(self._record.tags)

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag; without ``value``, a tag without a value."""
        check_text(key, "A tag's key", "experiment.tag(key, value)")
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags. Values become texts, except None."""
        self._change(ExperimentChange(tags=to_texts(tags, "set_tags")))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by their keys. A tag that does not exist is ignored."""
        keys = to_tag_keys(tags, "experiment.remove_tags(['key'])")
        self._change(ExperimentChange(tags_removed=keys))

    def archive(self) -> None:
        """Archive the experiment: it is no longer listed. Its runs are kept."""
        self._change(ExperimentChange(archived=True))

    def reactivate(self, new_name: str | None = None) -> None:
        """Make an archived experiment active again. ``new_name`` is refused, as in v1."""
        if new_name is not None:
            raise UserErrorException(
                f"An experiment cannot be renamed to {new_name!r} while it is reactivated; "
                "leave new_name out."
            )
        self._change(ExperimentChange(archived=False))

    def refresh(self) -> None:
        """Read the experiment's tags and state again."""
        self._record = self._tracker.get_experiment(self.id)

    def _change(self, change: ExperimentChange) -> None:
        self._tracker.update_experiment(self.id, change)
        self.refresh()

    # runs

    def start_logging(self, *args: Any, **kwargs: Any) -> Run:
        """Start a run that this process logs to. End it with ``complete()``, or use ``with``.

        Args:
            name: The run's display name; ``display_name`` is the same.
            run_id: The run's id, which must be new in the experiment.
            outputs: A folder whose files are stored in the run when it ends (default: "outputs").
                True means "outputs", and False means no folder. The folder is created if it does
                not exist. Files in ``logs`` are always stored.
            snapshot_directory: The folder of which a snapshot is taken (default: "."). None means
                no snapshot.
            description: A text in Markdown.
            tags: The first tags.
            properties: The first properties.

        Raises:
            SnapshotException: the folder is too large for a snapshot. No run was started.
            TypeError: an argument does not exist.
            UserErrorException: the working folder, below which the outputs are, was deleted.
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
        working_folder()  # before the run is made
        right = "experiment.start_logging(name='a name', snapshot_directory='.')"
        if snapshot_directory:
            check_path(snapshot_directory, "snapshot_directory", right)
        user_properties = to_texts(properties or {}, "start_logging(properties=…)")
        all_properties = {
            **git_properties(),
            **{key: value or "" for key, value in user_properties.items()},
        }
        draft = draft_run(
            self,
            name=display_name or name,
            run_id=run_id,
            description=description,
            tags=tags,
            properties=all_properties,
        )
        if snapshot_directory:
            all_properties[SNAPSHOT_PROPERTY] = store_snapshot(self, Path(snapshot_directory))
        record = start_run(self, replace(draft, properties=all_properties))
        run = run_of(self, record, tracked_folders(outputs))
        stay_in_folder(run)
        make_outputs_folder(outputs)
        return run

    @overload
    def submit(
        self, config: Sequence[Any], tags: Any = None, **kwargs: Any
    ) -> builtins.list[Run]: ...
    @overload
    def submit(self, config: Any, tags: dict[str, str] | None = None, **kwargs: Any) -> Run: ...

    def submit(self, config: Any, tags: Any = None, **kwargs: Any) -> Any:
        """Run a script as a tracked run. Returns as soon as the run is submitted.

        Args:
            config: A :class:`ScriptRunConfig`, or a list of them, which v1 does not accept. For a
                list, a list of runs is returned. If one configuration is wrong, no run is made. A
                cluster gets all of its scripts together.
            tags: The first tags. For a list of configurations, you can give a list of tags, too:
                one dict for each configuration.
            snapshot_id: The snapshot to take the source from, instead of the configuration's
                folder.

        Raises:
            UserErrorException: the configuration is wrong, or its script cannot be run.
            SnapshotException: the source folder cannot be packed.
            ComputeTargetException: the target is unknown, or does not work now.
        """
        if isinstance(config, (builtins.list, tuple)):
            return [run_of(self, record) for record in self._submit_all(config, tags, **kwargs)]
        return run_of(self, self._submit(config, tags, parent=None, **kwargs))

    def _submit_all(
        self, configs: Sequence[Any], tags: Any, parent: RunRecord | None = None, **kwargs: Any
    ) -> builtins.list[RunRecord]:
        return submit_configs(self, configs, tags, parent, **kwargs)

    def _submit(
        self, config: Any, tags: dict[str, str] | None, parent: RunRecord | None, **kwargs: Any
    ) -> RunRecord:
        return submit_config(self, config, tags, parent, **kwargs)

    def get_runs(
        self,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        include_children: bool = False,
    ) -> LazyListing[Run]:
        """Return the experiment's runs, newest first. They are read while you iterate.

        Args:
            type: Only runs of this type.
            tags: A dict of tags that a run must have (value None: any value), or the key of one
                tag.
            properties: The same for properties.
            include_children: Whether to include runs that are nested in others.

        Returns:
            An iterator, as in v1. A notebook shows it as a table, and its ``to_pandas()`` returns a
            data frame.
        """
        return find_runs(self, to_conditions(type, tags, properties), include_children)

    def query(
        self,
        expression: str,
        include_children: bool = False,
        *,
        text: str | None = None,
        order_by: str | None = None,
    ) -> Any:
        """Evaluate a JMESPath expression on the experiment's runs. v1 has no such method.

        The expression sees the list of the runs, newest first, as ``amlflow run list`` prints them.
        For example: ``experiment.query("[?tags.quality == 'fantastic run']")``.

        Args:
            expression: The expression. "[]" selects all runs.
            include_children: Whether to include child runs.
            text: Only runs that have all of these words in their name, description, tags, error,
                ids, experiment's name or submitter's name, in upper or lower case.
            order_by: A column such as "duration", "tag:stage" or "metric:loss". For the largest
                value first, add "desc", such as "duration desc". ``amlflow run list -h`` lists the
                columns. Runs without a value come last. The expression must select runs.

        Returns:
            A list of runs, or one run, if the expression selects runs. Otherwise the selected
            values. A notebook shows a list as a table, and its ``to_pandas()`` returns a data
            frame.

        Raises:
            UserErrorException: the expression is not JMESPath, it cannot be evaluated on these
                runs, or the runs cannot be sorted by ``order_by``.
        """
        return query_runs(self._workspace, [self], expression, include_children, text, order_by)

    # finding experiments

    @staticmethod
    def list(
        workspace: WorkspaceBase,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: Any = None,
    ) -> Listing[Experiment]:
        """Return the workspace's experiments, newest first.

        Args:
            workspace: The workspace.
            experiment_name: Only the experiment of this name.
            view_type: "ActiveOnly", "ArchivedOnly" or "All".
            tags: A dict of tags that an experiment must have (value None: any value), or the key of
                one tag.
        """
        check_class(
            workspace, WorkspaceBase, "Experiments are in a Workspace", "Experiment.list(workspace)"
        )
        if view_type not in _VIEWS:
            raise UserErrorException(
                f"{view_type!r} is not a view_type; it is one of {', '.join(_VIEWS)}."
            )
        conditions = to_conditions(tags=tags)
        experiments = (
            open_experiment(workspace, record)
            for record in tracker_of(workspace).list_experiments()
            if not record.name.startswith(OWN)
            and (experiment_name in (None, record.name))
            and (
                view_type == "All" or (view_type == "ArchivedOnly") == (record.archived is not None)
            )
            and all(condition.holds(record) for condition in conditions)
        )
        return Listing(experiments, EXPERIMENTS)

    @staticmethod
    def delete(workspace: WorkspaceBase, experiment_id: str) -> None:
        """Delete an experiment that has no runs."""
        right = "Experiment.delete(workspace, experiment_id)"
        check_class(workspace, WorkspaceBase, "Experiments are in a Workspace", right)
        check_text(experiment_id, "An experiment's id", right)
        tracker_of(workspace).delete_experiment(experiment_id)

    @staticmethod
    def from_directory(path: str, auth: Any = None) -> Experiment:
        """Return the experiment that ``amlflow folder attach`` has attached to a folder.

        Raises:
            ProjectSystemException: the folder is not attached to an experiment.
        """
        config = find_config(path)
        if config is None or config.experiment_name is None:
            raise ProjectSystemException(
                f"The folder {str(path)!r} is not attached to an experiment: no config.json at or "
                "above it names one in 'experiment_name'."
            )
        return Experiment(open_workspace(path), config.experiment_name)

    # links and display

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """Return the address of v1's documentation of this class."""
        return DOCS

    def __str__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self._workspace.name})"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Experiment)
            and self.id == other.id
            and self._tracker.uri == tracker_of(other).uri
        )

    def __hash__(self) -> int:
        return hash((self.id, self._workspace))

    def _repr_html_(self) -> str:
        docs = html.link(self.get_docs_url(), "Link to Documentation")
        return html.table({**_to_cells(self), "Docs Page": docs})


def _to_cells(experiment: Experiment) -> dict[str, str]:
    return {
        "Name": html.link(experiment.get_portal_url(), experiment.name),
        "Workspace": html.text(experiment.workspace.name),
        "Report Page": html.page_link(experiment.get_portal_url(), store_of(experiment).uri),
    }


def _to_rows(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "id": one.id, "archived_time_utc": one.archived_time, "tags": one.tags}
        for one in experiments
    ]


EXPERIMENTS = Columns(_to_cells, _to_rows)


def open_experiment(workspace: WorkspaceBase, record: ExperimentRecord) -> Experiment:
    """Return the experiment of a record, without asking the tracker."""
    return Experiment(workspace, record.name, _skip_name_validation=True, _experiment_dto=record)
