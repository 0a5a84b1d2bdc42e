"""Tests of models: versions, their fields and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    FileNotInModel,
    ModelChange,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    ModelRegistry,
    Op,
    PropertyConflict,
    RunNotFound,
    RunQuery,
    RunRecord,
    Tracker,
    redacted,
)
from amlflow.testing.suites.base import FEW, SuiteBase, current, race
from amlflow.testing.suites.cleaning import new_name


class ModelTracker(Tracker, ModelRegistry, Protocol):
    """A tracker with models."""


class ModelTests(SuiteBase):
    """Tests of models."""

    @pytest.fixture
    def model(self) -> str:
        """Return the name of a model that does not exist yet."""
        return new_name("model")

    def register(self, tracker: ModelTracker, path: Path, name: str, **values: Any) -> ModelRecord:
        """Register a local file as a version, and return the version."""
        path.write_text("content", encoding="utf-8")
        return tracker.register_model(
            ModelDraft(name=name, path="model.bin", files={"model.bin": path}, **values)
        )

    def content(self, tracker: ModelTracker, model: ModelRecord, folder: Path) -> dict[str, bytes]:
        """Return all files of a version: the content by the path."""
        names = tracker.list_model_files(model.name, model.version)
        files = {name: folder / str(index) for index, name in enumerate(names)}
        tracker.get_model_files(model.name, model.version, files)
        return {name: path.read_bytes() for name, path in files.items()}

    def test_versions_of_a_run_and_of_local_files(
        self, tracker: ModelTracker, run: RunRecord, model: str, tmp_path: Path
    ) -> None:
        """
        register_model: Register the next version of a model, from 1; a version is there whole or
            not at all.
        ModelDraft: Its content is a file or folder that the run run_id has under the name path;
            or, if run_id is None, the local files by their names, which are path or begin with it
            and /.
        ModelRecord: run_id is the tracker's id of the run that has the content, or None if local
            files were registered.
        list_model_files: The names of a version's files, sorted.
        list_model_files: A name begins with the last part of the draft's path.
        get_model_files: Write files of a version, by their names, to local paths.
        """
        local = tmp_path / "local"
        local.write_bytes(b"model")
        in_run = ["outputs/model.bin", "outputs/net/a/b", "outputs/net/c", "outputs/net.txt"]
        tracker.put_files(run.id, dict.fromkeys(in_run, local))
        drafts = [
            ModelDraft(name=model, run_id=run.id, path="outputs/model.bin"),
            ModelDraft(name=model, run_id=run.id, path="outputs/net"),
            ModelDraft(name=model, path="model.bin", files={"model.bin": local}),
            ModelDraft(name=model, path="net", files={"net/x/y": local, "net/größe 1": local}),
            ModelDraft(name=model, path="amlflow", files={"amlflow/x": local}),
        ]
        # register_model: Register the next version
        records = [tracker.register_model(draft) for draft in drafts]
        assert [record.version for record in records] == [1, 2, 3, 4, 5]
        # ModelRecord: run_id is the tracker's id
        assert [record.run_id for record in records] == [run.id] * 2 + [None] * 3
        # list_model_files: A name begins
        names = [tracker.list_model_files(model, record.version) for record in records]
        for draft, some in zip(drafts, names, strict=True):
            assert {name.partition("/")[0] for name in some} == {draft.path.rpartition("/")[2]}
        # list_model_files: The names of a version's files
        assert names == [sorted(some) for some in names]
        # ModelDraft: Its content is a file or folder
        assert names == [
            ["model.bin"],
            ["net/a/b", "net/c"],
            ["model.bin"],
            ["net/größe 1", "net/x/y"],
            ["amlflow/x"],
        ]
        # get_model_files: Write files
        for record, some in zip(records, names, strict=True):
            assert self.content(tracker, record, tmp_path) == dict.fromkeys(some, b"model")
        # register_model: Register the next version
        assert self.register(tracker, local, f"{model}-other").version == 1
        # ModelDraft: Its content is a file or folder
        assert tracker.list_files(run.id) == sorted(in_run)

    def test_what_a_version_keeps(
        self, tracker: ModelTracker, run: RunRecord, model: str, tmp_path: Path
    ) -> None:
        """
        get_model: A version of a model.
        ModelDraft: system holds amlflow's own notes, which are neither tags nor properties; a key
            is a short identifier.
        ModelRecord: system is as in ModelDraft.
        """
        before = current()
        texts = {text: text for text in FEW}
        values = {
            "description": "größer\nin two lines",
            "tags": {**texts, "empty": "", "none": None, "property.x": "tag"},
            "properties": {**texts, "x": "property", "empty": ""},
            "system": {"framework": "ScikitLearn"},
        }
        record = self.register(tracker, tmp_path / "file", model, **values)
        for version in (record, tracker.get_model(model, 1)):
            # ModelDraft: system holds
            assert "framework" not in {**version.tags, **version.properties}
            # ModelRecord: system is
            assert version.system == values["system"]
            # get_model: A version of a model.
            assert {name: getattr(version, name) for name in values} == values
            assert (version.name, version.version) == (model, 1)
            assert abs((version.created - before).total_seconds()) < self.patience
        # get_model: A version of a model.
        assert tracker.get_model(model, 1).created == record.created

    def test_models_that_are_not_there(
        self, tracker: ModelTracker, model: str, tmp_path: Path
    ) -> None:
        """
        get_model: Raises ModelNotFound.
        update_model: Raises ModelNotFound, PropertyConflict, Refused.
        delete_model: Raises ModelNotFound.
        list_model_files: Raises ModelNotFound.
        get_model_files: Raises ModelNotFound, FileNotInModel.
        register_model: Raises RunNotFound, Refused.
        ModelNotFound: No version of a model is as described.
        FileNotInModel: The version of a model has no file of this name.
        """

        def check(name: str, version: int) -> None:
            # get_model: Raises ModelNotFound.
            with pytest.raises(ModelNotFound) as caught:
                tracker.get_model(name, version)
            # ModelNotFound: No version
            assert caught.value.message.startswith("ModelNotFound: ")
            # update_model: Raises ModelNotFound
            with pytest.raises(ModelNotFound):
                tracker.update_model(name, version, ModelChange(description="x"))
            # delete_model: Raises ModelNotFound.
            with pytest.raises(ModelNotFound):
                tracker.delete_model(name, version)
            # list_model_files: Raises ModelNotFound.
            with pytest.raises(ModelNotFound):
                tracker.list_model_files(name, version)
            # get_model_files: Raises ModelNotFound
            with pytest.raises(ModelNotFound):
                tracker.get_model_files(name, version, {"x": tmp_path / "x"})

        check(model, 1)
        # ModelNotFound: No version
        assert list(tracker.find_models([Condition("name", Op.EQ, model)])) == []
        self.register(tracker, tmp_path / "file", model)
        check(model, 99)
        check(model, 0)
        check(model, 10**30)
        # FileNotInModel: The version of a model
        with pytest.raises(FileNotInModel):
            tracker.get_model_files(model, 1, {"never": tmp_path / "never"})
        # get_model_files: Raises ModelNotFound, FileNotInModel.
        assert not (tmp_path / "never").exists()
        # register_model: Raises RunNotFound
        with pytest.raises(RunNotFound):
            tracker.register_model(ModelDraft(name=model, run_id="0" * 32, path="x"))
        assert len(list(tracker.find_models([Condition("name", Op.EQ, model)]))) == 1

    def test_models_are_found(
        self, tracker: ModelTracker, run: RunRecord, model: str, tmp_path: Path
    ) -> None:
        """
        find_models: The versions of all models that meet all conditions, newest first.
        find_models: Of one model, the highest version comes first.
        Condition: field is the name of an attribute; for tags, properties, params and a model's
            system, key is the key in it.
        """
        path = tmp_path / "file"
        path.touch()
        tracker.put_files(run.id, {"outputs/it's": path})
        self.register(tracker, path, model, tags={"area": "a"}, properties={"p": "q"})
        self.register(tracker, path, model, tags={"area": "b"}, system={"framework": "Onnx"})
        tracker.register_model(ModelDraft(name=model, run_id=run.id, path="outputs/it's"))
        other = self.register(tracker, path, f"{model}-other", tags={"area": "a"})

        def find(*conditions: Condition) -> list[tuple[str, int]]:
            models = tracker.find_models(conditions)
            # Others may register models on the same tracker meanwhile.
            return [(m.name, m.version) for m in models if m.name.startswith(model)]

        # find_models: The versions of all models
        assert find()[0] == (other.name, 1)
        # find_models: Of one model
        assert [version for name, version in find() if name == model] == [3, 2, 1]
        # find_models: The versions of all models
        assert find() == [(other.name, 1), (model, 3), (model, 2), (model, 1)]
        name = Condition("name", Op.EQ, model)
        assert {each for each, _ in find(name)} == {model}
        # find_models: Of one model
        assert find(name) == [(model, 3), (model, 2), (model, 1)]
        # Condition: field is the name
        assert find(Condition("run_id", Op.EQ, run.id)) == [(model, 3)]
        assert find(name, Condition("tags", Op.EQ, "a", key="area")) == [(model, 1)]
        assert find(name, Condition("tags", Op.HAS, key="area")) == [(model, 2), (model, 1)]
        assert find(Condition("properties", Op.EQ, "q", key="p"), name) == [(model, 1)]
        assert find(name, Condition("system", Op.EQ, "Onnx", key="framework")) == [(model, 2)]

    def test_a_model_is_changed(self, tracker: ModelTracker, model: str, tmp_path: Path) -> None:
        """
        update_model: Apply a change to a version.
        ModelChange: A change to a version of a model; what is not given stays as it is.
        ModelChange: A tag that is both set and removed is removed.
        """
        record = self.register(
            tracker, tmp_path / "file", model, description="old", tags={"a": "1", "b": "2"}
        )
        other = self.register(tracker, tmp_path / "file", model, tags={"a": "1"})
        changes = [
            ModelChange(tags={"c": "3", "d": "4"}, tags_removed=["a", "d", "never"]),
            ModelChange(properties={"p": "q"}, system={"note": "x"}),
            ModelChange(description="new"),
            ModelChange(),
        ]
        for change in changes:
            before, record = record, record.changed(change)
            # update_model: Apply a change
            tracker.update_model(model, 1, change)
            stored = tracker.get_model(model, 1)
            # ModelChange: A change to a version
            assert change.description or stored.description == before.description
            for field in ("tags", "properties", "system"):
                changed = {*getattr(change, field), *change.tags_removed}
                old = getattr(before, field).items()
                stays = {key: value for key, value in old if key not in changed}
                assert stays.items() <= getattr(stored, field).items(), field
            # ModelChange: A tag that is both
            assert "d" not in stored.tags
            # update_model: Apply a change
            assert stored == record
        # update_model: Apply a change
        assert (record.description, record.tags) == ("new", {"b": "2", "c": "3"})
        assert (record.properties, record.system) == ({"p": "q"}, {"note": "x"})
        # ModelChange: A change to a version
        assert tracker.get_model(model, 2) == other

    def test_properties_of_a_model_stay(
        self, tracker: ModelTracker, model: str, tmp_path: Path
    ) -> None:
        """
        ModelChange: Properties can be added but not changed: if a key already has another value,
            even if another process adds it at the same time, the whole change is a
            PropertyConflict.
        ModelChange: Adding the same value again is accepted.
        """
        self.register(tracker, tmp_path / "file", model, properties={"p": "q"})
        # ModelChange: Adding the same value again is accepted.
        tracker.update_model(model, 1, ModelChange(properties={"p": "q", "later": "x"}))
        # ModelChange: Properties can be added
        for key in ("p", "later"):
            change = ModelChange(properties={key: "z", "new": "z"}, tags={"t": "z"})
            with pytest.raises(PropertyConflict, match=repr(key)):
                tracker.update_model(model, 1, change)
        # ModelChange: Adding the same value again is accepted.
        tracker.update_model(model, 1, ModelChange(properties={"later": "x"}))
        # ModelChange: Properties can be added
        record = tracker.get_model(model, 1)
        assert (record.properties, record.tags) == ({"p": "q", "later": "x"}, {})

        def claim(me: int) -> int:
            change = ModelChange(properties={"owner": f"value {me}"}, tags={"owner": f"{me}"})
            tracker.update_model(model, 1, change)
            return me

        outcomes = race(4, claim)
        [winner] = [outcome for outcome in outcomes if isinstance(outcome, int)]
        record = tracker.get_model(model, 1)
        assert (record.properties["owner"], record.tags["owner"]) == (
            f"value {winner}",
            f"{winner}",
        )

    def test_registrations_at_once(
        self, tracker: ModelTracker, run: RunRecord, model: str, tmp_path: Path
    ) -> None:
        """
        register_model: Registrations at the same time get different versions, and a deleted
            version's number is not used again.
        """
        path = tmp_path / "file"
        path.touch()
        tracker.put_files(run.id, {"file": path})
        draft = ModelDraft(name=model, run_id=run.id, path="file")
        records: list[Any] = race(8, lambda me: tracker.register_model(draft))
        assert sorted(record.version for record in records) == list(range(1, 9))

    def test_a_version_is_deleted(
        self, tracker: ModelTracker, run: RunRecord, model: str, tmp_path: Path
    ) -> None:
        """
        delete_model: Delete a version; the files of a run stay.
        register_model: Registrations at the same time get different versions, and a deleted
            version's number is not used again.
        """
        path = tmp_path / "file"
        self.register(tracker, path, model)
        tracker.put_files(run.id, {"file": path})
        tracker.register_model(ModelDraft(name=model, run_id=run.id, path="file"))
        # delete_model: Delete a version
        for version in (1, 2):
            tracker.delete_model(model, version)
            with pytest.raises(ModelNotFound):
                tracker.get_model(model, version)
        assert list(tracker.find_models([Condition("name", Op.EQ, model)])) == []
        assert tracker.list_files(run.id) == ["file"]
        # register_model: Registrations at the same time
        assert self.register(tracker, path, model).version == 3

    def test_models_are_out_of_sight(
        self,
        tracker: ModelTracker,
        experiment: ExperimentRecord,
        run: RunRecord,
        model: str,
        tmp_path: Path,
    ) -> None:
        """
        list_experiments: All experiments, also archived ones, newest first.
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        """
        self.register(tracker, tmp_path / "file", model)
        tracker.update_model(model, 1, ModelChange(properties={"p": "q"}))
        # list_experiments: All experiments
        assert not [e.name for e in tracker.list_experiments() if "models" in e.name]
        # find_runs: The runs that match a query
        query = RunQuery(conditions=[Condition("created", Op.GE, run.created)])
        assert not [run.name for run in tracker.find_runs(query) if model in str(run.name)]

    def test_model_links(self, tracker: ModelTracker, model: str, tmp_path: Path) -> None:
        """model_link: The address of the version's web page."""
        records = [self.register(tracker, tmp_path / "file", model) for _ in range(2)]
        links = {tracker.model_link(record) for record in records}
        assert len(links) == 2 or links == {redacted(tracker.uri)}  # a tracker without pages
