"""Versions of models in MLflow's model registry, with v1's fields as their tags.

MLflow's registry keeps no files and has no tags that are written once. Runs of the experiment
:data:`amlflow_mlflow.spelling.MODELS` do both:

* Local files that are registered become the files of a run first, and then a version that points to
  it. A version is made by one call, so one whose upload breaks off is never there.
* A property that is added later is written as a param of a run whose id is made of the version's
  name and number. MLflow stores a param once, whoever else adds it now; a tag of the version is a
  copy of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from amlflow_mlflow.spelling import MODELS, check_text, from_path, to_key, to_path, to_tag_value
from amlflow_mlflow.store import Store, remove_tag
from amlflow_mlflow.surroundings import user

PAGE = 1000
MAX_VERSION = 2**31 - 1
"""MLflow's databases keep a version in 32 bits."""
DESCRIPTION_LIMIT = 5000
SOURCE_LIMIT = 500
"""Characters that MLflow's databases keep."""
UPLOAD_FOLDER = "model"
"""Where a run has local files that were registered."""
_NEWEST = ["creation_timestamp DESC", "name ASC", "version_number DESC"]


class Runs(Protocol):
    """What is used of the tracker's runs."""

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
        """See :meth:`amlflow.spec.Tracker.register_model`."""
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
                f"{name!r} is the name of a prompt in MLflow, whose registry gives a name once; "
                "choose another name for the model."
            )

    def _upload(self, draft: ModelDraft) -> str:
        """Store local files as those of a run; its id."""
        run = self._create_run(draft.name, None)
        try:
            # Below a folder, since amlflow's own files are at the top.
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
        """Give a run of files to `mlflow gc`, which removes them."""
        with contextlib.suppress(AzureMLException):  # the error that led here says more
            self._store.delete_run(run_id)

    def _add_version(self, draft: ModelDraft, run_id: str, tags: dict[str, str]) -> ModelRecord:
        root = self._store.get_run(run_id).info.artifact_uri
        source = check_text("the path", f"{root}/{to_path(draft.path)}", SOURCE_LIMIT)
        # Now, so that an upload that breaks off leaves no model without a version.
        self._ensure_model(draft.name)
        version = self._registry.create_version(draft.name, source, run_id, tags, draft.description)
        return to_model(version, tags)

    # reading

    def _get(self, name: str, version: int) -> ModelVersion:
        """A version as MLflow has it."""
        missing = ModelNotFound(f"name {name}, version {version}")
        if not 0 < version <= MAX_VERSION or "/" in name or not name.strip():
            raise missing  # MLflow's server would take it for another address
        version_record = self._registry.get_version(name, version)
        if PROMPT in version_record.tags:
            raise missing
        return version_record

    def get(self, name: str, version: int) -> ModelRecord:
        """See :meth:`amlflow.spec.Tracker.get_model`."""
        return to_model(self._get(name, version))

    def find(self, conditions: Sequence[Condition]) -> Iterator[ModelRecord]:
        """See :meth:`amlflow.spec.Tracker.find_models`."""
        clauses = [clause for condition in conditions if (clause := _clause(condition))]
        token, before = None, set[tuple[str, int]]()
        while True:
            page = self._registry.search_versions(" AND ".join(clauses), PAGE, _NEWEST, token)
            for version in page:
                if PROMPT in version.tags:
                    continue
                model = to_model(version)
                # Pages are offsets, which a version that comes meanwhile shifts.
                is_new = (model.name, model.version) not in before
                before.add((model.name, model.version))
                if is_new and all(condition.holds(model) for condition in conditions):
                    yield model
            token = page.token
            if not token:
                return

    # changing

    def update(self, name: str, version: int, change: ModelChange) -> None:
        """See :meth:`amlflow.spec.Tracker.update_model`."""
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
        """Decide who adds the properties, of several processes that do."""
        model.changed(ModelChange(properties=properties))  # or one of them has another value
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
        """See :meth:`amlflow.spec.Tracker.delete_model`."""
        version_record = self._get(name, version)
        self._registry.delete_version(name, version)
        if (
            UPLOADED in version_record.tags
            and version_record.run_id
            and self._is_upload(version_record.run_id)
        ):
            self._discard(version_record.run_id)

    def _is_upload(self, run_id: str) -> bool:
        """Whether a run keeps registered files; the version's tag alone could name any run."""
        with contextlib.suppress(AzureMLException):
            experiment = self._store.get_experiment_by_name(MODELS)
            experiment_id = self._store.get_run(run_id).info.experiment_id
            return experiment is not None and experiment_id == experiment.experiment_id
        return False

    # files

    def list_files(self, name: str, version: int) -> list[str]:
        """See :meth:`amlflow.spec.Tracker.list_model_files`."""
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
        """See :meth:`amlflow.spec.Tracker.get_model_files`."""
        version_record = self._get(name, version)
        run_id, path = self._content(version_record)
        if run_id is None:
            get = self._locate(version_record).get
        else:
            get = partial(self._get_run_file, run_id, posixpath.dirname(path))

        def fetch(file: tuple[str, Path]) -> None:
            if not get(*file):
                raise FileNotInModel(name, version, file[0])

        # A store of files on this machine takes no longer one by one.
        with ThreadPoolExecutor(self._store.threads) as pool:
            list(pool.map(fetch, files.items()))

    def _get_run_file(self, run_id: str, parent: str, name: str, destination: Path) -> bool:
        try:
            self._files.get(run_id, posixpath.join(parent, name), destination)
        except FileNotInRun:
            return False
        return True

    def _content(self, version: ModelVersion) -> tuple[str | None, str]:
        """The run whose file or folder is the content, and its name there; or no run."""
        if not version.run_id:
            return None, ""
        with contextlib.suppress(RunNotFound):
            root = self._store.get_run(version.run_id).info.artifact_uri.rstrip("/")
            source = (version.source or "").rstrip("/")
            if source.startswith(f"{root}/"):
                return version.run_id, from_path(source[len(root) + 1 :])
        return None, ""

    def _locate(self, version: ModelVersion) -> ModelLocation:
        """Where the content of a version is that is not among the files of its run."""
        uri = self._registry.version_location(version.name, int(version.version))
        return ModelLocation(self._store, uri, version.name)


def _tags(change: ModelDraft | ModelChange) -> dict[str, str]:
    """The tags of a version that say what a draft or a change says.

    Raises :class:`Refused` for what MLflow would not keep.
    """
    tags = {to_key(key): to_tag_value(key, value) for key, value in change.tags.items()}
    tags |= property_tags(change.properties)
    tags |= note_tags(change.system)
    if isinstance(change, ModelDraft) and user():
        tags[USER] = user()
    return tags


def _clause(condition: Condition) -> str | None:
    """A condition in MLflow's filter language, where it has one that is not too strict."""
    value = condition.value
    if condition.op is not Op.EQ or not isinstance(value, str):
        return None
    if condition.field not in ("name", "run_id") or not value:
        return None
    if "'" not in value:
        return f"{condition.field} = '{value}'"
    return f'{condition.field} = "{value}"' if '"' not in value else None
