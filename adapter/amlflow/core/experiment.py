"""An experiment: v1's ``azureml.core.experiment``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from amlflow.core import html
from amlflow.core.arguments import check_class, check_text
from amlflow.core.conditions import from_arguments
from amlflow.core.experiment_runs import ExperimentRuns, shown
from amlflow.core.project.config_json import find_config
from amlflow.core.runs.run import tag_keys, texts
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ProjectSystemException, UserErrorException
from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
)

DOCS = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment.experiment"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
_VIEWS = ("ActiveOnly", "ArchivedOnly", "All")


class Experiment(ExperimentRuns):
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
            UserErrorException: there is none, and the name is not 1-255 letters, digits, ``_`` and
                ``-``, starting with a letter or a digit.
        """
        if not isinstance(workspace, Workspace):
            swapped = isinstance(name, Workspace)
            instead = "the workspace comes first: Experiment(workspace, name)"
            raise UserErrorException(
                f"Experiment takes a Workspace, and got a {type(workspace).__name__}; "
                + (f"{instead}." if swapped else "Workspace.from_config() gives one.")
            )
        self._workspace = workspace
        self._record = (
            _experiment_dto
            or (None if _skip_name_validation else self._found_by_another_name(name))
            or workspace._tracker.ensure_experiment(name)
        )

    def _found_by_another_name(self, name: Any) -> ExperimentRecord | None:
        """The experiment of a name that is not v1's, which another client has made.

        None where the name is v1's.
        """
        try:
            check_name(name)
        except UserErrorException:
            known = self._tracker.list_experiments() if isinstance(name, str) and name else ()
            for record in known:
                if record.name == name:
                    return record
            raise
        return None

    @classmethod
    def _of(cls, workspace: Workspace, record: ExperimentRecord) -> Experiment:
        return cls(workspace, record.name, _skip_name_validation=True, _experiment_dto=record)

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

    # metadata

    @property
    def tags(self) -> dict[str, str | None]:
        """The experiment's tags as last known; :meth:`refresh` asks for them."""
        return dict(self._record.tags)

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag, or a tag without a value."""
        check_text(key, "A tag's key", "experiment.tag(key, value)")
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; values become texts, and None stays None."""
        self._change(ExperimentChange(tags=texts(tags, "set_tags")))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by their keys; one that is not there is ignored."""
        keys = tag_keys(tags, "experiment.remove_tags(['key'])")
        self._change(ExperimentChange(tags_removed=keys))

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
        check_class(
            workspace, Workspace, "Experiments are in a Workspace", "Experiment.list(workspace)"
        )
        if view_type not in _VIEWS:
            raise UserErrorException(
                f"{view_type!r} is not a view_type; it is one of {', '.join(_VIEWS)}."
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
        right = "Experiment.delete(workspace, experiment_id)"
        check_class(workspace, Workspace, "Experiments are in a Workspace", right)
        check_text(experiment_id, "An experiment's id", right)
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
    """Raise UserErrorException for what is not a name of an experiment."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UserErrorException(
            f"{shown(name)} is not a name for an experiment: it is 1-255 letters, digits, '_' and "
            "'-', and starts with a letter or a digit."
        )
