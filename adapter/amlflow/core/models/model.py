"""A version of a registered model: v1's ``azureml.core.model``."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from amlflow.claims import RUN_ID
from amlflow.core.absent.members import Absent
from amlflow.core.arguments import check_class, check_path
from amlflow.core.models import notes
from amlflow.core.models.datasets import dataset_id, open_noted
from amlflow.core.models.framework import Framework
from amlflow.core.models.listing import to_listing
from amlflow.core.models.local_copies import download, find_path
from amlflow.core.models.registration import (
    ModelFields,
    check_model_name,
    collect_files,
    to_model_properties,
    to_model_texts,
)
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.core.models.selection import find_model, find_models
from amlflow.core.models.serialization import MIME_TYPE, from_payload, to_payload
from amlflow.core.store import (
    HasWorkspace,
    WorkspaceBase,
    tracker_of,
    workspace_of_this_job,
)
from amlflow.exceptions import UserErrorException
from amlflow.spec import ModelChange, ModelRecord, RunNotFound

_RIGHT = "Model(workspace, name='my-model')"


class Model(HasWorkspace):
    """A version of a registered model. If you name no version, it is the latest.

    Source: ``azureml.core.Model`` 1.61; names, parameters and shapes are v1's. Attributes are
    read-only: change them by :meth:`update`, :meth:`add_tags` and so on.
    """

    Framework = Framework

    deploy = Absent()
    package = Absent()
    print_configuration = Absent()
    profile = Absent()
    get_sas_urls = Absent()

    unpack = False
    mime_type = MIME_TYPE
    parent_id = derived_model_ids = None

    def __init__(
        self,
        workspace: WorkspaceBase,
        name: str | None = None,
        id: str | None = None,
        tags: builtins.list[Any] | None = None,
        properties: builtins.list[Any] | None = None,
        version: int | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
        **kwargs: Any,
    ) -> None:
        """Find a version: by ``id`` (``name:version``), by name and version, or the latest.

        ``tags`` and ``properties`` are lists of keys and of pairs ``[key, value]`` that the version
        must have. As in v1, they do not count if you pass an id or a version.

        Raises:
            ModelNotFound: a WebserviceException; no version matches.
            WebserviceException: neither a name nor an id is given.
        """
        check_class(workspace, WorkspaceBase, "The workspace of a model is a Workspace", _RIGHT)
        self._workspace = workspace
        self._record = find_model(
            tracker_of(workspace), name=name, id=id, version=version, tags=tags,
            properties=properties, run_id=run_id, framework=model_framework,
        )  # fmt: skip

    # registering and finding

    @staticmethod
    def register(
        workspace: WorkspaceBase,
        model_path: str,
        model_name: str,
        tags: dict[str, str] | None = None,
        properties: dict[str, str] | None = None,
        description: str | None = None,
        datasets: builtins.list[tuple[str, Any]] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: builtins.list[str] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> Model:
        """Register a local file or folder as the next version of a model.

        The files are uploaded first. If the upload fails, no version is registered.

        Args:
            model_path: The file or folder.
            model_name: At most 255 letters, digits, ``-``, ``.`` and ``_``.
            tags: Keys and texts that can be changed later.
            properties: Keys and texts that cannot be changed later.
            description: A text for readers.
            datasets: Pairs of a purpose and a data set, such as ``[("training", data)]``.
            model_framework: One of :class:`Model.Framework`, or another text.
            model_framework_version: The framework's version.
            child_paths: Which files and folders of the folder are registered (default: all).
            sample_input_dataset, sample_output_dataset: Data sets. Their ids are stored.
            resource_configuration: What the model needs to be served. It is only stored.

        Raises:
            LocalModelNotFound: a WebserviceException and a FileNotFoundError; the path does not
                exist.
            WebserviceException: another argument is not valid.
        """
        right = "Model.register(workspace, model_path='model.pkl', model_name='my-model')"
        check_class(workspace, WorkspaceBase, "The workspace of a model is a Workspace", right)
        fields = ModelFields(
            tags, properties, description, model_framework, model_framework_version, datasets,
            sample_input_dataset, sample_output_dataset, resource_configuration,
        )  # fmt: skip
        check_model_name(model_name)
        path, files = collect_files(model_path, child_paths)
        draft = fields.to_draft(workspace, model_name, path, files=files)
        print(f"Registering model {model_name}")  # as v1 does
        return model_of(workspace, tracker_of(workspace).register_model(draft))

    @staticmethod
    def list(
        workspace: WorkspaceBase,
        name: str | None = None,
        tags: builtins.list[Any] | None = None,
        properties: builtins.list[Any] | None = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> builtins.list[Model]:
        """List versions, newest first: of all models, or those that match all arguments.

        Args:
            name: The model's name.
            tags: Keys, and pairs ``[key, value]``, that a version must have.
            properties: The same for its properties.
            run_id: The id of the run that has the version's file or folder.
            latest: Whether to list only the latest matching version of each model.
            dataset_id: The id of a data set that the version was registered with.
            model_framework: The framework's name.

        Raises:
            UserErrorException: ``tags`` is not a list, or ``page_count`` is not from 20 to 255.
        """
        right = "Model.list(workspace, name='my-model')"
        check_class(workspace, WorkspaceBase, "The workspace of models is a Workspace", right)
        if page_count and not 20 <= page_count <= 255:
            raise UserErrorException(f"page_count={page_count} is not a number from 20 to 255.")
        for what, selection in (("tags", tags), ("properties", properties)):
            if selection is not None and not isinstance(selection, builtins.list):
                raise UserErrorException(
                    f"{what} must be a list of keys and of pairs, such as ['key', ['key2', "
                    f"'value']], but is a {type(selection).__name__}."
                )
        records = find_models(
            tracker_of(workspace), name=name, tags=tags, properties=properties, run_id=run_id,
            framework=model_framework, latest=latest,
        )  # fmt: skip
        return to_listing(
            model_of(workspace, record)
            for record in records
            if dataset_id is None or dataset_id in notes.dataset_ids(record)
        )

    @staticmethod
    def get_model_path(
        model_name: str, version: int | None = None, _workspace: WorkspaceBase | None = None
    ) -> str:
        """Return the local path of a model, after a download to ``azureml-models/NAME/VERSION``.

        The model is taken from the workspace of the submitted run, or else from ``_workspace``.
        Without a workspace, or if it was downloaded before, a local copy is used: below
        ``azureml-models``, or a file or folder with the model's name in the working folder.

        Raises:
            ModelNotFound: the workspace does not have the version.
            LocalCopyNotFound: this machine has no copy, and no workspace was named. As in v1, both
                are a WebserviceException and a ModelNotFoundException.
        """
        workspace = workspace_of_this_job() if os.environ.get(RUN_ID) else _workspace
        return find_path(model_name, version, None if workspace is None else tracker_of(workspace))

    # reading

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def version(self) -> int:
        return self._record.version

    @property
    def id(self) -> str:
        """``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def description(self) -> str | None:
        return self._record.description

    @property
    def tags(self) -> dict[str, str | None]:
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self._record.properties)

    @property
    def created_time(self) -> datetime:
        """The time of registration, in UTC."""
        return self._record.created

    @property
    def created_by(self) -> dict[str, str] | None:
        """The user who registered it, as ``{"userName": …}``; None if the tracker has no name."""
        user = self._record.user
        return None if user is None else {"userName": user}

    @property
    def url(self) -> str:
        """The address of the version's page in the tracker."""
        return tracker_of(self._workspace).model_link(self._record)

    @property
    def model_framework(self) -> str | None:
        return notes.read_text(self._record, notes.FRAMEWORK)

    @property
    def model_framework_version(self) -> str | None:
        return notes.read_text(self._record, notes.FRAMEWORK_VERSION)

    @property
    def resource_configuration(self) -> ResourceConfiguration | None:
        """What the model needs to be served, as it was registered; None if nothing was given."""
        return notes.read_resources(self._record)

    @property
    def run_id(self) -> str | None:
        """The id of the run that has the model's files; None if local files were registered."""
        if self._record.run_id is None:
            return None
        return notes.read_text(self._record, notes.RUN) or self._record.run_id

    @property
    def run(self) -> Any:
        """The run of :attr:`run_id`; None without a run, or if it was deleted."""
        if self._record.run_id is None:
            return None
        try:
            return self._workspace.get_run(self._record.run_id)
        except RunNotFound:
            return None

    @property
    def experiment_name(self) -> str | None:
        """The name of the run's experiment."""
        if self._record.run_id is None:
            return None
        name = notes.read_text(self._record, notes.EXPERIMENT)
        if name is None and (run := self.run) is not None:
            name = run.experiment.name
        return name

    @property
    def datasets(self) -> dict[str, builtins.list[Any]]:
        """The data sets of the version, by their purposes, such as ``{"training": [data]}``."""
        datasets: dict[str, builtins.list[Any]] = {}
        for entry in notes.read_datasets(self._record):
            if (dataset := self._open_noted(entry["id"])) is not None:
                datasets.setdefault(entry["name"], []).append(dataset)
        return datasets

    @property
    def sample_input_dataset(self) -> Any:
        """The data set with sample input; None if none was given or it does not exist any more."""
        return self._open_noted(notes.read_text(self._record, notes.SAMPLE_INPUT))

    @property
    def sample_output_dataset(self) -> Any:
        """The data set with sample output; None if none was given or it does not exist any more."""
        return self._open_noted(notes.read_text(self._record, notes.SAMPLE_OUTPUT))

    def _open_noted(self, identity: str | None) -> Any:
        return open_noted(self._workspace, self.id, identity)

    # files

    def download(
        self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Download the model's file or folder into a local folder, and return its path.

        Args:
            target_dir: The local folder.
            exist_ok: Whether local files that exist are replaced.
            exists_ok: v1's earlier name for ``exist_ok``.

        Raises:
            WebserviceException: a local file exists already, and ``exist_ok`` is False.
        """
        check_path(target_dir, "target_dir", "model.download(target_dir='.', exist_ok=False)")
        overwrite = exist_ok if exists_ok is None else exists_ok
        tracker = tracker_of(self._workspace)
        return download(tracker, self._record, Path(target_dir), overwrite=bool(overwrite))

    # changing

    def update(
        self,
        tags: dict[str, str] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> None:
        """Replace tags (all of them), description or other fields. An empty one changes nothing."""
        keys = (notes.SAMPLE_INPUT, notes.SAMPLE_OUTPUT)
        samples = dict(zip(keys, (sample_input_dataset, sample_output_dataset), strict=True))
        system = {key: self._id_of(sample) for key, sample in samples.items() if sample is not None}
        system.update(notes.resource_notes(resource_configuration))
        texts = to_model_texts(tags, "Tags")
        self._refresh()
        self._change(
            ModelChange(
                description=description or None,
                tags=texts,
                tags_removed=[key for key in self._record.tags if key not in texts] if tags else [],
                system=system,
            )
        )

    def update_tags_properties(
        self,
        add_tags: dict[str, str] | None = None,
        remove_tags: builtins.list[str] | None = None,
        add_properties: dict[str, str] | None = None,
    ) -> None:
        """Add and remove tags, and add properties. A property cannot be changed later.

        Raises:
            PropertyConflict: a property has another value already. Nothing is changed then.
        """
        keys = [remove_tags] if isinstance(remove_tags, str) else remove_tags or []
        for key in keys:
            if key not in self._record.tags:
                print(f"Tag with key {key} not found.")  # as v1 does
        self._change(
            ModelChange(
                tags=to_model_texts(add_tags, "Tags"),
                tags_removed=[str(key) for key in keys],
                properties=to_model_properties(add_properties),
            )
        )

    def add_tags(self, tags: dict[str, str]) -> None:
        """Add tags, or change their values."""
        self.update_tags_properties(add_tags=tags)
        print("Model tag add operation complete.")  # as v1 does

    def remove_tags(self, tags: builtins.list[str]) -> None:
        """Remove tags by their keys."""
        self.update_tags_properties(remove_tags=tags)
        print("Model tag remove operation complete.")

    def add_properties(self, properties: dict[str, str]) -> None:
        """Add properties. A property cannot be changed later.

        Raises:
            PropertyConflict: a property has another value already. Nothing is changed then.
        """
        self.update_tags_properties(add_properties=properties)
        print("Model properties add operation complete.")

    def add_dataset_references(self, datasets: Sequence[tuple[str, Any]]) -> None:
        """Add data sets: pairs of a purpose and a data set, such as ``[("training", data)]``."""
        self._change(ModelChange(system=notes.dataset_notes(datasets, self._id_of)))

    def _id_of(self, dataset: Any) -> str:
        return dataset_id(self._workspace, dataset)

    def delete(self) -> None:
        """Delete this version. Its number is not used again. The files of its run stay."""
        tracker_of(self._workspace).delete_model(self.name, self.version)

    def _refresh(self) -> None:
        self._record = tracker_of(self._workspace).get_model(self.name, self.version)

    def _change(self, change: ModelChange) -> None:
        tracker_of(self._workspace).update_model(self.name, self.version, change)
        self._record = self._record.changed(change)

    # as JSON

    def serialize(self) -> dict[str, Any]:
        """The model with v1's keys; ``createdTime`` is in ISO 8601."""
        run = None if self._record.run_id is None else self.run
        return {
            **to_payload(self._record),
            "url": self.url,
            "experimentName": self.experiment_name,
            "runDetails": str(run),
        }

    @staticmethod
    def deserialize(workspace: WorkspaceBase, model_payload: Mapping[str, Any]) -> Model:
        """Make a model from the result of :meth:`serialize`. The tracker is not asked.

        Raises:
            WebserviceException: ``model_payload`` is not such a result.
        """
        return model_of(workspace, from_payload(model_payload))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(workspace={self._workspace!r}, name={self.name}, id={self.id}, "
            f"version={self.version}, tags={self.tags}, properties={self.properties})"
        )


def model_of(workspace: WorkspaceBase, record: ModelRecord) -> Model:
    """The model with this record."""
    model = Model.__new__(Model)
    model._workspace, model._record = workspace, record
    return model
