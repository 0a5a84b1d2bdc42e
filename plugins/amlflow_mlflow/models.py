"""Versions of models in MLflow's model registry, with v1's fields as their tags.

MLflow's registry does not keep files, and any of its tags can be changed. So runs in the experiment
:data:`amlflow_mlflow.spelling.MODELS` keep files and write-once properties:

* If you register local files, they first become the files of a run. Then a version is created that
  points to the run. So if the upload fails, the version does not exist.
* If you add a property later, it becomes a param of a run. The run's id is made from the version's
  name and number. MLflow stores a param only once, even if several processes add it at the same
  time. A tag of the version has a copy of the property.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Protocol

from amlflow.exceptions import AzureMLException
from amlflow.spec import (
    Condition,
    ExperimentRecord,
    FileNotInModel,
    FileNotInRun,
    ModelChange,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    Op,
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunRecord,
    Status,
)

from amlflow_mlflow.entities import ModelVersion
from amlflow_mlflow.files import Files
from amlflow_mlflow.model_location import ModelLocation
from amlflow_mlflow.model_records import PROMPT, UPLOADED, note_tags, property_tags, to_model
from amlflow_mlflow.records import USER
from amlflow_mlflow.several_calls import call_for_each
from amlflow_mlflow.spelling import MODELS, check_text, from_path, to_key, to_path, to_tag_value
from amlflow_mlflow.store import Store, remove_tag
from amlflow_mlflow.surroundings import user

PAGE = 1000
MAX_VERSION = 2**31 - 1
"""MLflow's databases keep a version in 32 bits."""
DESCRIPTION_LIMIT = 5000
SOURCE_LIMIT = 500
"""How many characters MLflow's databases keep."""
UPLOAD_FOLDER = "model"
"""The folder of a run that has the registered local files."""
_NEWEST = ["creation_timestamp DESC", "name ASC", "version_number DESC"]


class Runs(Protocol):
    """The methods of the tracker's runs that models need."""

    def ensure_experiment(self, name: str) -> ExperimentRecord: ...
    def create_runs(self, drafts: Sequence[RunDraft]) -> list[RunRecord]: ...
    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord: ...
    def update_run(self, run_id: str, change: RunChange) -> None: ...


class Models:
    """The models of one store."""

    def __init__(self, store: Store, files: Files, runs: Runs) -> None:
        self._store, self._files, self._runs = store, files, runs
        self._registry = store.registry

    # registering

    def register(self, draft: ModelDraft) -> ModelRecord:
        """Do what :meth:`amlflow.spec.Tracker.register_model` does."""
        tags = _tags(draft)
        if draft.run_id is not None:
            self._files.check_there(draft.run_id, draft.path)
        if draft.description is not None:
            check_text("the description", draft.description, DESCRIPTION_LIMIT)
        if draft.run_id is not None:
            return self._add_version(draft, draft.run_id, tags)
        run_id = self._upload(draft)
        draft = dataclasses.replace(draft, path=f"{UPLOAD_FOLDER}/{draft.path}")
        try:
            return self._add_version(draft, run_id, {**tags, UPLOADED: "true"})
        except BaseException:
            self._discard(run_id)
            raise

    def _ensure_model(self, name: str) -> None:
        if PROMPT in self._registry.ensure_model(name):
            raise Refused(
                f"{name!r} is the name of a prompt in MLflow, and a model cannot have the same "
                "name; choose another one for the model."
            )

    def _upload(self, draft: ModelDraft) -> str:
        """Store local files in a new run. Return the run's id."""
        run = self._create_run(draft.name, None)
        try:
            # In a folder, since amlflow's own files are at the top.
            files = {f"{UPLOAD_FOLDER}/{name}": path for name, path in draft.files.items()}
            self._files.put(run.id, files)
        except BaseException:
            self._discard(run.id)
            raise
        return run.id

    def _create_run(self, name: str, alias: str | None) -> RunRecord:
        experiment = self._runs.ensure_experiment(MODELS)
        now = datetime.now(timezone.utc)
        draft = RunDraft(
            experiment_id=experiment.id, run_id=alias, name=name, created=now,
            status=Status.COMPLETED,
        )  # fmt: skip
        [run] = self._runs.create_runs([draft])
        return run

    def _discard(self, run_id: str) -> None:
        """Delete a run that keeps files. `mlflow gc` removes the files."""
        with contextlib.suppress(AzureMLException):  # the caller raises a more useful error
            self._store.delete_run(run_id)

    def _add_version(self, draft: ModelDraft, run_id: str, tags: dict[str, str]) -> ModelRecord:
        root = self._store.get_run(run_id).info.artifact_uri
        source = check_text("the path", f"{root}/{to_path(draft.path)}", SOURCE_LIMIT)
        # Only now, so that a failed upload does not leave a model without a version.
        self._ensure_model(draft.name)
        version = self._registry.create_version(draft.name, source, run_id, tags, draft.description)
        return to_model(version, tags)

    # reading

    def _get(self, name: str, version: int) -> ModelVersion:
        """Return a version as MLflow has it."""
        missing = ModelNotFound(f"name {name}, version {version}")
        if not 0 < version <= MAX_VERSION or "/" in name or not name.strip():
            raise missing  # such values would lead to another address of MLflow's server
        version_record = self._registry.get_version(name, version)
        if PROMPT in version_record.tags:
            raise missing
        return version_record

    def get(self, name: str, version: int) -> ModelRecord:
        """Do what :meth:`amlflow.spec.Tracker.get_model` does."""
        return to_model(self._get(name, version))

    def find(self, conditions: Sequence[Condition]) -> Iterator[ModelRecord]:
        """Do what :meth:`amlflow.spec.Tracker.find_models` does."""
        clauses = [clause for condition in conditions if (clause := _clause(condition))]
        token, before = None, set[tuple[str, int]]()
        while True:
            page = self._registry.search_versions(" AND ".join(clauses), PAGE, _NEWEST, token)
            for version in page:
                if PROMPT in version.tags:
                    continue
                model = to_model(version)
                # Pages are offsets. A version that is created now shifts the next page.
                is_new = (model.name, model.version) not in before
                before.add((model.name, model.version))
                if is_new and all(condition.holds(model) for condition in conditions):
                    yield model
            token = page.token
            if not token:
                return

    # changing

    def update(self, name: str, version: int, change: ModelChange) -> None:
        """Do what :meth:`amlflow.spec.Tracker.update_model` does."""
        tags = _tags(change)
        removed = [to_key(key) for key in change.tags_removed]
        if change.description is not None:
            check_text("the description", change.description, DESCRIPTION_LIMIT)
        record = self.get(name, version)
        if change.properties:
            self._add_properties(record, change.properties)
        if change.description is not None:
            self._registry.describe_version(name, version, change.description)
        for key, value in tags.items():
            if key not in removed:
                self._registry.set_version_tag(name, version, key, value)
        for key in removed:
            remove_tag(partial(self._registry.delete_version_tag, name, version, key))

    def _add_properties(self, model: ModelRecord, properties: Mapping[str, str]) -> None:
        """Add properties as params of a run, so that only one of several processes can add each."""
        model.changed(ModelChange(properties=properties))  # raises if one has another value
        digest = hashlib.sha256(f"{model.version} {model.name}".encode()).hexdigest()
        alias = f"model-{digest[:32]}"
        experiment = self._runs.ensure_experiment(MODELS)
        try:
            run = self._runs.get_run(alias, experiment.id)
        except RunNotFound:
            try:
                run = self._create_run(f"{model.name}:{model.version}", alias)
            except Refused:  # another process was quicker
                run = self._runs.get_run(alias, experiment.id)
        self._runs.update_run(run.id, RunChange(properties=properties))

    def delete(self, name: str, version: int) -> None:
        """Do what :meth:`amlflow.spec.Tracker.delete_model` does."""
        version_record = self._get(name, version)
        self._registry.delete_version(name, version)
        if (
            UPLOADED in version_record.tags
            and version_record.run_id
            and self._is_upload(version_record.run_id)
        ):
            self._discard(version_record.run_id)

    def _is_upload(self, run_id: str) -> bool:
        """Whether a run keeps registered files. Needed as a version's tag could name any run."""
        with contextlib.suppress(AzureMLException):
            experiment = self._store.get_experiment_by_name(MODELS)
            experiment_id = self._store.get_run(run_id).info.experiment_id
            return experiment is not None and experiment_id == experiment.experiment_id
        return False

    # files

    def list_files(self, name: str, version: int) -> list[str]:
        """Do what :meth:`amlflow.spec.Tracker.list_model_files` does."""
        version_record = self._get(name, version)
        run_id, path = self._content(version_record)
        if run_id is None:
            return self._locate(version_record).names()
        parent = posixpath.dirname(path)
        names = self._files.names(run_id, path)
        return [
            name[len(parent) :].lstrip("/")
            for name in names
            if name == path or name.startswith(f"{path}/")
        ]

    def get_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        """Do what :meth:`amlflow.spec.Tracker.get_model_files` does."""
        version_record = self._get(name, version)
        run_id, path = self._content(version_record)
        if run_id is None:
            get = self._locate(version_record).get
        else:
            get = partial(self._get_run_file, run_id, posixpath.dirname(path))

        def fetch(file: tuple[str, Path]) -> None:
            if not get(*file):
                raise FileNotInModel(name, version, file[0])

        # A local store has one thread: there, several would not be faster.
        call_for_each(fetch, files.items(), self._store.threads)

    def _get_run_file(self, run_id: str, parent: str, name: str, destination: Path) -> bool:
        try:
            self._files.get(run_id, posixpath.join(parent, name), destination)
        except FileNotInRun:
            return False
        return True

    def _content(self, version: ModelVersion) -> tuple[str | None, str]:
        """Return the run that has the content, and the name of the file or folder there.

        The run is None if the content does not belong to a run's files.
        """
        if not version.run_id:
            return None, ""
        with contextlib.suppress(RunNotFound):
            root = self._store.get_run(version.run_id).info.artifact_uri.rstrip("/")
            source = (version.source or "").rstrip("/")
            if source.startswith(f"{root}/"):
                return version.run_id, from_path(source[len(root) + 1 :])
        return None, ""

    def _locate(self, version: ModelVersion) -> ModelLocation:
        """Find the content of a version if it does not belong to the files of its run."""
        uri = self._registry.version_location(version.name, int(version.version))
        return ModelLocation(self._store, uri, version.name)


def _tags(change: ModelDraft | ModelChange) -> dict[str, str]:
    """Turn a draft or a change into tags of a version.

    Raises :class:`Refused` for values that MLflow would not keep.
    """
    tags = {to_key(key): to_tag_value(key, value) for key, value in change.tags.items()}
    tags |= property_tags(change.properties)
    tags |= note_tags(change.system)
    if isinstance(change, ModelDraft) and user():
        tags[USER] = user()
    return tags


def _clause(condition: Condition) -> str | None:
    """Turn a condition into one of MLflow's filters. None if MLflow's would be too strict."""
    value = condition.value
    if condition.op is not Op.EQ or not isinstance(value, str):
        return None
    if condition.field not in ("name", "run_id") or not value:
        return None
    if "'" not in value:
        return f"{condition.field} = '{value}'"
    return f'{condition.field} = "{value}"' if '"' not in value else None
