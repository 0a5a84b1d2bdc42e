"""Files, snapshots, models and links."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from amlflow.spec import (
    ExperimentRecord,
    Feature,
    FileInRun,
    FileNotInRun,
    Refused,
    RunRecord,
    Tracker,
)
from amlflow.testing.suites.base import SuiteBase, logged


class FileTests(SuiteBase):
    """What a tracker does with files."""

    def test_files_come_back(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """put_files, list_files, get_file: names with /, contents as they were."""
        contents = {
            "a.txt": b"a",
            "outputs/model.bin": bytes(range(256)) * 100,
            "outputs/deep/er/größe 1.txt": "größer".encode(),
            "logs/empty": b"",
        }
        files = {}
        for place, (name, content) in enumerate(contents.items()):
            files[name] = tmp_path / f"local{place}"
            files[name].write_bytes(content)
        tracker.put_files(run.id, files)
        assert tracker.list_files(run.id) == sorted(contents)
        assert tracker.list_files(run.id, "outputs/") == [
            "outputs/deep/er/größe 1.txt",
            "outputs/model.bin",
        ]
        assert tracker.list_files(run.id, "outputs/mod") == ["outputs/model.bin"]
        assert tracker.list_files(run.id, "never/") == []
        for name, content in contents.items():
            tracker.get_file(run.id, name, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == content

    def test_files_are_not_overwritten(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """put_files: FileInRun unless replace; then nothing of the call is stored."""
        old, new = tmp_path / "old", tmp_path / "new"
        old.write_text("old")
        new.write_text("new")
        tracker.put_files(run.id, {"dir/name": old})
        with pytest.raises(FileInRun):
            tracker.put_files(run.id, {"dir/name": new, "dir/other": new})
        assert tracker.list_files(run.id) == ["dir/name"]
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "old"
        tracker.put_files(run.id, {"dir/name": new}, replace=True)
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "new"

    def test_missing_files(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """get_file: raises FileNotInRun; a folder is no file."""
        path = tmp_path / "file"
        path.write_text("x")
        tracker.put_files(run.id, {"folder/file": path})
        for name in ("never", "folder", "folder/never", "never/file"):
            with pytest.raises(FileNotInRun):
                tracker.get_file(run.id, name, tmp_path / "back")
        assert not (tmp_path / "back").exists()

    def test_a_large_file(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """put_files: large files too."""
        path = tmp_path / "large"
        path.write_bytes(uuid.uuid4().bytes * (1 << 21))
        tracker.put_files(run.id, {"large": path})
        tracker.get_file(run.id, "large", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == path.read_bytes()

    def test_own_files_are_left_out(self, tracker: Tracker, run: RunRecord) -> None:
        """list_files: amlflow's own are left out, however much was logged."""
        tracker.write_points(run.id, [logged("m", "x" * 20_000), logged("n", 1.0)])
        assert tracker.list_files(run.id) == []

    def test_snapshots(self, tracker: Tracker, tmp_path: Path) -> None:
        """has_snapshot, put_snapshot, get_snapshot: an archive by digest; Refused if none."""
        digest = uuid.uuid4().hex * 2
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK" + bytes(1000))
        assert not tracker.has_snapshot(digest)
        with pytest.raises(Refused):
            tracker.get_snapshot(digest, tmp_path / "back.zip")
        tracker.put_snapshot(digest, archive)
        assert tracker.has_snapshot(digest)
        tracker.get_snapshot(digest, tmp_path / "back.zip")
        assert (tmp_path / "back.zip").read_bytes() == archive.read_bytes()

    def test_snapshots_are_out_of_sight(self, tracker: Tracker, tmp_path: Path) -> None:
        """list_experiments, find_runs: what keeps snapshots is no experiment of a user's."""
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK")
        before = {each.id for each in tracker.list_experiments()}
        tracker.put_snapshot(uuid.uuid4().hex * 2, archive)
        assert {each.id for each in tracker.list_experiments()} <= before

    def test_models(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """register_model: the run's file or folder is the next version of a model."""
        if Feature.MODELS not in tracker.features:
            pytest.skip("the tracker claims no model registry")
        path = tmp_path / "model.bin"
        path.write_bytes(b"model")
        tracker.put_files(run.id, {"outputs/model.bin": path})
        name = f"model-{uuid.uuid4().hex}"
        first = tracker.register_model(run.id, "outputs/model.bin", name, tags={"a": "b"})
        second = tracker.register_model(run.id, "outputs", name, description="all of it")
        assert (first.name, first.version, first.run_id) == (name, 1, run.id)
        assert first.tags == {"a": "b"}
        assert (second.version, second.description) == (2, "all of it")

    def test_links(self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord) -> None:
        """run_link, experiment_link: the addresses of their pages."""
        assert run.id in tracker.run_link(run)
        assert experiment.id in tracker.experiment_link(experiment.id)
