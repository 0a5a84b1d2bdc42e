"""Tests of files and models of runs that exist, and of runs that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlflow.exceptions import UserErrorException
from amlflow.spec import (
    FileInRun,
    ModelDraft,
    ModelRecord,
    RunNotFound,
    RunRecord,
    Tracker,
)
from amlflow.testing.suites.base import UTC, SuiteBase, current, write_accepted
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.models import ModelTracker


class OwnerTests(SuiteBase):
    """Tests of which run owns a file or a model."""

    @pytest.mark.thorough
    def test_names_of_models(self, tracker: ModelTracker, run: RunRecord, tmp_path: Path) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        register_model: Register the next version of a model, from 1; a version is there whole or
            not at all.
        page: Times are timezone-aware datetimes in UTC.
        """
        path = tmp_path / "model"
        path.write_bytes(b"model")
        tracker.put_files(run.id, {"model": path})
        mark, begun = new_name("model"), current()
        names = [f"{mark} {text}" for text in ("a", "A", "a ", "\u00e9", "e\u0301", "a_", "a%")]
        records: dict[str, ModelRecord] = {}

        def register(some: list[str]) -> None:
            draft = ModelDraft(name=some[0], run_id=run.id, path="model", properties={"p": "q"})
            records[some[0]] = tracker.register_model(draft)

        for name in names:
            write_accepted(register, [name])
        # page: Keys, names and values can be any text
        assert f"{mark} a" in records
        for name, record in records.items():
            # page: Keys, names and values can be any text
            assert record.name == name
            # register_model: Register the next version
            assert (record.version, record.run_id) == (1, run.id)
            assert record.properties == {"p": "q"}
            # page: Times are timezone-aware
            assert record.created.utcoffset() == UTC
            # register_model: Register the next version
            assert abs((record.created - begun).total_seconds()) < 60
            assert tracker.get_model(name, 1) == record

    def test_a_model_of_nothing(
        self, tracker: ModelTracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        register_model: Register the next version of a model, from 1; a version is there whole or
            not at all.
        register_model: Raises RunNotFound, Refused.
        """
        path = tmp_path / "model"
        path.write_bytes(b"model")
        tracker.put_files(run.id, {"model/a": path, "single": path})
        name = new_name("model")
        # register_model: Raises RunNotFound, Refused.
        for missing in ("never", "model/never", "mod", "single/never", "Model"):
            with pytest.raises(UserErrorException):
                tracker.register_model(ModelDraft(name=name, run_id=run.id, path=missing))
        with pytest.raises(RunNotFound):
            tracker.register_model(ModelDraft(name=name, run_id="0" * 32, path="model"))
        # register_model: Register the next version
        for version, there in ((1, "model"), (2, "single"), (3, "model/a")):
            draft = ModelDraft(name=name, run_id=run.id, path=there)
            assert tracker.register_model(draft).version == version

    def test_files_of_unknown_runs(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        get_file: Raises RunNotFound, or FileNotInRun if the run has no such file, and then writes
            nothing.
        RunNotFound: No run has this id.
        """
        path, back = tmp_path / "file", tmp_path / "back"
        path.write_text("x")
        tracker.put_files(run.id, {"a": path})
        for unknown in ("0" * 32, "never"):
            # RunNotFound: No run has this id.
            with pytest.raises(RunNotFound):
                tracker.get_file(unknown, "a", back)
        # get_file: Raises RunNotFound
        assert not back.exists()

    def test_replaced_files_of_unknown_runs(self, tracker: Tracker, tmp_path: Path) -> None:
        """put_files: Raises RunNotFound, and Refused for a name that check_file_name refuses."""
        path = tmp_path / "file"
        path.write_text("x")
        with pytest.raises(RunNotFound):
            tracker.put_files("0" * 32, {"a": path}, replace=True)

    def test_files_of_two_runs(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        put_files: With replace, a file of the same name is replaced; otherwise the call raises
            FileInRun and stores no file.
        get_file: Write a file's content to a local path.
        """
        other = self.create_run(tracker, tracker.get_experiment(run.experiment_id))
        path, back = tmp_path / "file", tmp_path / "back"
        for owner in (run, other):
            path.write_text(owner.id)
            tracker.put_files(owner.id, {"a": path})
        for owner in (run, other):
            # put_files: With replace
            with pytest.raises(FileInRun):
                tracker.put_files(owner.id, {"a": path})
            # get_file: Write a file's content
            back.write_text("something longer that was there before, and is replaced as a whole")
            tracker.get_file(owner.id, "a", back)
            assert back.read_text() == owner.id
