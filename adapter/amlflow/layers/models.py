"""Models for a tracker without a registry: each version is a run in a hidden experiment.

The id of a version's run is made from the model's name and the version's number. The tracker
creates only one run with an id. So if several processes ask for a number, exactly one gets it, and
the others try the next number. The run's tags, properties and description are the version's. A note
says which files are the version's content: a file or folder of the registered run, or of a run that
was created before to keep local files.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from amlflow.exceptions import AzureMLException
from amlflow.layers.layer import Layer
from amlflow.own_runs import OwnRuns, to_run_id
from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Feature,
    FileNotInModel,
    FileNotInRun,
    ModelChange,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    Refused,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.tracker_notes import ModelNote, parse_model

REGISTRY = "amlflow.models"
"""The experiment that holds the versions, and the runs with local files."""
UPLOAD = "model_upload"
"""The key of a note that marks a run that keeps local files."""
FOLDER = "model"
"""The folder of such a run that has the files."""
DELETED = "model_deleted"
"""The key of a note that marks a deleted version. Its number is not used again."""
NOTE = "model_note_"
"""The prefix of a version's notes that are not this layer's own."""


class Models(Layer):
    """A layer that keeps versions of models as runs."""

    adds = Feature.MODELS

    def __init__(self, inner: Tracker) -> None:
        super().__init__(inner)
        self._runs = OwnRuns(inner, REGISTRY)

    # hidden runs

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        return (
            experiment
            for experiment in self.inner.list_experiments()
            if experiment.name != REGISTRY
        )

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        return (run for run in self.inner.find_runs(query) if not _is_own(run))

    def count_runs(self, query: RunQuery) -> int | None:
        return None if query.experiment_ids is None else super().count_runs(query)

    def first_runs(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        return None if query.experiment_ids is None else super().first_runs(query, field, last)

    # models

    def register_model(self, draft: ModelDraft) -> ModelRecord:
        if draft.run_id is None:
            run_id, path = self._upload(draft), f"{FOLDER}/{draft.path}"
        else:
            run_id, path = self.inner.get_run(draft.run_id).id, draft.path
            names = self.inner.list_files(run_id, path)
            if not any(f"{name}/".startswith(f"{path}/") for name in names):
                raise Refused(
                    f"Run {run_id} has no file or folder {path!r}; run.get_file_names() "
                    "lists its files."
                )
        version = 1 + max((note.version for _, note in self._read_all(draft.name)), default=0)
        while True:
            note = ModelNote(draft.name, version, run_id, path, draft.run_id is None)
            run = self._runs.create(
                _run_id(draft.name, version),
                name=f"{note.name}:{note.version}",
                description=draft.description,
                tags=draft.tags,
                properties=draft.properties,
                system={
                    parse_model.key: note.to_text(),
                    **{f"{NOTE}{key}": text for key, text in draft.system.items()},
                },
            )
            if run is not None:
                return _to_model(run, note)
            version += 1  # another process was quicker

    def _upload(self, draft: ModelDraft) -> str:
        """Store local files in a new run. Return the run's id."""
        run = self._runs.create_any(name=draft.name, system={UPLOAD: "yes"})
        try:
            # In a folder, since amlflow's own files are at the top.
            files = {f"{FOLDER}/{name}": path for name, path in draft.files.items()}
            self.inner.put_files(run.id, files)
        except BaseException:
            # No version will refer to this run. A second error would hide the first one.
            with contextlib.suppress(AzureMLException):
                self.inner.update_run(run.id, RunChange(status=Status.FAILED))
            raise
        return run.id

    def _read_all(self, name: str | None = None) -> Iterator[tuple[RunRecord, ModelNote]]:
        """Yield the versions of a model, or of all models, also deleted ones; newest first."""
        for run in self._runs.find():
            note = parse_model(run)
            if note is not None and name in (None, note.name):
                yield run, note

    def _get(self, name: str, version: int) -> tuple[RunRecord, ModelNote]:
        run = self._runs.get(_run_id(name, version))
        note = None if run is None else parse_model(run)
        if (
            run is None
            or note is None
            or (note.name, note.version) != (name, version)
            or DELETED in run.system
        ):
            raise ModelNotFound(f"name {name}, version {version}")
        return run, note

    def get_model(self, name: str, version: int) -> ModelRecord:
        return _to_model(*self._get(name, version))

    def find_models(self, conditions: Sequence[Condition] = ()) -> Iterator[ModelRecord]:
        versions = [
            _to_model(run, note) for run, note in self._read_all() if DELETED not in run.system
        ]
        # Two versions may have the same time.
        versions.sort(key=lambda model: (model.created, model.version), reverse=True)
        for model in versions:
            if all(condition.holds(model) for condition in conditions):
                yield model

    def update_model(self, name: str, version: int, change: ModelChange) -> None:
        run, _ = self._get(name, version)
        self.inner.update_run(
            run.id,
            RunChange(
                description=change.description,
                tags=change.tags,
                tags_removed=change.tags_removed,
                properties=change.properties,
                system={f"{NOTE}{key}": text for key, text in change.system.items()},
            ),
        )

    def delete_model(self, name: str, version: int) -> None:
        run, _ = self._get(name, version)
        self.inner.update_run(run.id, RunChange(system={DELETED: "yes"}))

    def list_model_files(self, name: str, version: int) -> list[str]:
        _, note = self._get(name, version)
        start = len(note.path) - len(posixpath.basename(note.path))
        return [
            file[start:]
            for file in self.inner.list_files(note.run_id, note.path)
            if file == note.path or file.startswith(f"{note.path}/")
        ]

    def get_model_files(self, name: str, version: int, files: Mapping[str, Path]) -> None:
        _, note = self._get(name, version)
        folder = posixpath.dirname(note.path)
        for file, destination in files.items():
            try:
                self.inner.get_file(note.run_id, posixpath.join(folder, file), destination)
            except FileNotInRun:
                raise FileNotInModel(name, version, file) from None

    def model_link(self, model: ModelRecord) -> str:
        run, _ = self._get(model.name, model.version)
        return self.inner.run_link(run)


def _is_own(run: RunRecord) -> bool:
    # Everyone who may edit a run can write such a note. A malformed one does not hide the run.
    return run.system.get(UPLOAD) == "yes" or parse_model(run) is not None


def _run_id(name: str, version: int) -> str:
    return to_run_id("model", f"{version} {name}")


def _to_model(run: RunRecord, note: ModelNote) -> ModelRecord:
    return ModelRecord(
        name=note.name,
        version=note.version,
        run_id=None if note.is_uploaded else note.run_id,
        created=run.created,
        user=run.user,
        description=run.description,
        tags=run.tags,
        properties=run.properties,
        system={key[len(NOTE) :]: text for key, text in run.system.items() if key.startswith(NOTE)},
    )
