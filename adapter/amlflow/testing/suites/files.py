"""Tests of files, snapshots and links."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

import pytest

from amlflow.layers.layer import Layer
from amlflow.own_paths import OwnPaths
from amlflow.spec import (
    ExperimentRecord,
    FileInRun,
    FileNotInRun,
    Refused,
    RunRecord,
    Tracker,
    redacted,
)
from amlflow.testing.suites.base import SuiteBase, new_point, race, refuses


class FileTests(SuiteBase):
    """Tests of files, snapshots and links."""

    def test_files_come_back(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        put_files: Store local files of any size under names that may contain /.
        list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
            own.
        get_file: Write a file's content to a local path.
        """
        contents = {
            "a.txt": b"a",
            "outputs/model.bin": bytes(range(256)) * 100,
            "outputs/deep/er/größe 1.txt": "größer".encode(),
            "outputs/a & b+c=%41 #?'~.txt": b"awkward",
            "outputs/Model.bin": b"not the same",
            "outputs/[a].txt": b"no pattern",
            "logs/empty": b"",
        }
        files = {}
        for index, (name, content) in enumerate(contents.items()):
            files[name] = tmp_path / f"local{index}"
            files[name].write_bytes(content)
        tracker.put_files(run.id, files)
        # put_files: Store local files
        assert set(tracker.list_files(run.id)) == set(contents)
        # list_files: The names of the run's files
        assert tracker.list_files(run.id) == sorted(contents)
        assert tracker.list_files(run.id, "outputs/") == [
            "outputs/Model.bin",
            "outputs/[a].txt",
            "outputs/a & b+c=%41 #?'~.txt",
            "outputs/deep/er/größe 1.txt",
            "outputs/model.bin",
        ]
        assert tracker.list_files(run.id, "outputs/mod") == ["outputs/model.bin"]
        assert tracker.list_files(run.id, "outputs/[a]") == ["outputs/[a].txt"]
        assert tracker.list_files(run.id, "never/") == []
        # get_file: Write a file's content
        for name, content in contents.items():
            tracker.get_file(run.id, name, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == content

    def test_files_are_not_overwritten(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        put_files: With replace, a file of the same name is replaced; otherwise the call raises
            FileInRun and stores no file.
        FileInRun: The run already has a file of this name.
        """
        old, new = tmp_path / "old", tmp_path / "new"
        old.write_text("old")
        new.write_text("new")
        tracker.put_files(run.id, {"dir/name": old})
        old.write_text("changed since")
        # put_files: With replace
        with pytest.raises(FileInRun) as caught:
            tracker.put_files(run.id, {"dir/name": new, "dir/other": new})
        # FileInRun: The run already has
        assert (caught.value.run_id, caught.value.name) == (run.id, "dir/name")
        # put_files: With replace
        assert tracker.list_files(run.id) == ["dir/name"]
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "old"
        tracker.put_files(run.id, {"dir/name": new}, replace=True)
        tracker.get_file(run.id, "dir/name", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "new"

    def test_a_file_below_a_file(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """
        path = tmp_path / "file"
        path.write_text("x")
        tracker.put_files(run.id, {"dir/name": path})
        for files in ({"dir/new": path, "dir/name/below": path}, {"b": path, "dir": path}):
            before = tracker.list_files(run.id)
            # page: Keys, names and values can be any text
            refused = refuses(tracker.put_files, run.id, files)
            names = before if refused else sorted([*before, *files])
            # page: A method does everything
            assert tracker.list_files(run.id) == names

    def test_files_from_many_threads(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """Tracker: Its methods can be called from several threads."""
        path = tmp_path / "file"
        path.write_text("x")
        put = race(8, lambda me: tracker.put_files(run.id, {f"logs/{me}/a": path, f"{me}": path}))
        assert put == [None] * 8
        assert tracker.list_files(run.id, "logs/") == [f"logs/{me}/a" for me in range(8)]

    def test_missing_files(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        get_file: Raises RunNotFound, or FileNotInRun if the run has no such file, and then writes
            nothing.
        FileNotInRun: The run has no file of this name.
        """
        path = tmp_path / "file"
        path.write_text("x")
        tracker.put_files(run.id, {"folder/file": path})
        for name in ("never", "folder", "folder/never", "never/file"):
            # FileNotInRun: The run has no file
            with pytest.raises(FileNotInRun):
                tracker.get_file(run.id, name, tmp_path / "back")
        # get_file: Raises RunNotFound
        assert not (tmp_path / "back").exists()

    def test_a_large_file(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """put_files: Store local files of any size under names that may contain /."""
        path = tmp_path / "large"
        path.write_bytes(uuid.uuid4().bytes * (1 << 21))
        tracker.put_files(run.id, {"large": path})
        tracker.get_file(run.id, "large", tmp_path / "back")
        is_same = (tmp_path / "back").read_bytes() == path.read_bytes()
        assert is_same, "a large file comes back changed"

    def test_own_files_are_left_out(self, tracker: Tracker, run: RunRecord) -> None:
        """
        list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
            own.
        """
        tracker.write_points(run.id, [new_point("m", "x" * 20_000), new_point("n", 1.0)])
        assert tracker.list_files(run.id) == []

    def test_snapshots(self, tracker: Tracker, tmp_path: Path) -> None:
        """
        has_snapshot: Whether a snapshot is stored.
        put_snapshot: Store a zip archive under the digest of its content.
        get_snapshot: Write the archive to a local path.
        get_snapshot: Raises Refused if it is not stored.
        """
        digest = uuid.uuid4().hex * 2
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK" + bytes(1000))
        # has_snapshot: Whether a snapshot is stored.
        assert not tracker.has_snapshot(digest)
        # get_snapshot: Raises Refused
        with pytest.raises(Refused):
            tracker.get_snapshot(digest, tmp_path / "back.zip")
        # put_snapshot: Store a zip archive
        tracker.put_snapshot(digest, archive)
        tracker.put_snapshot(digest, archive)
        # has_snapshot: Whether a snapshot is stored.
        assert tracker.has_snapshot(digest)
        # put_snapshot: Store a zip archive
        tracker.get_snapshot(digest, tmp_path / "back.zip")
        assert (tmp_path / "back.zip").read_bytes() == archive.read_bytes()
        # get_snapshot: Write the archive
        other = tmp_path / "other.zip"
        other.write_bytes(b"PK other")
        tracker.put_snapshot(digest[::-1], other)
        for stored, source in ((digest, archive), (digest[::-1], other)):
            tracker.get_snapshot(stored, tmp_path / "back.zip")
            assert (tmp_path / "back.zip").read_bytes() == source.read_bytes()

    def test_snapshots_are_out_of_sight(self, tracker: Tracker, tmp_path: Path) -> None:
        """list_experiments: All experiments, also archived ones, newest first."""
        archive = tmp_path / "archive.zip"
        archive.write_bytes(b"PK")
        tracker.put_snapshot(uuid.uuid4().hex * 2, archive)
        # Found by name, since others may create experiments on the same tracker meanwhile.
        assert not [
            record for record in tracker.list_experiments() if "snapshot" in record.name.lower()
        ]

    def test_own_paths(
        self,
        tracker: Tracker,
        run: RunRecord,
        tmp_path: Path,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        own_paths: The absolute paths of the local files and folders in which the tracker stores its
            data.
        own_paths: A folder includes everything below it.
        own_paths: A database includes the files beside it whose names end in -wal, -shm and
            -journal.
        """
        working = tmp_path_factory.mktemp("working")
        monkeypatch.chdir(working)
        source = tmp_path_factory.mktemp("source") / "file"
        source.write_text("x")
        before = {**states(tmp_path), **states(working)}
        tracker.put_files(run.id, {"outputs/file": source})
        tracker.write_points(run.id, [new_point("m", 1.0), new_point("n", "x" * 20_000)])
        tracker.put_snapshot(uuid.uuid4().hex * 2, source)
        paths = Layer(tracker).own_paths()
        # own_paths: The absolute paths
        assert all(path.is_absolute() for path in paths), paths
        own = OwnPaths(paths)
        for path, state in {**states(tmp_path), **states(working)}.items():
            if state == before.get(path) or not path.exists():
                continue
            is_own = own.holds(path.resolve()) or own.has(path.resolve(), path.stat())
            what = f"{path} was written, and own_paths() gives {paths}"
            if any(path.name.startswith(f"{own_path.name}-") for own_path in paths):
                # own_paths: A database includes
                assert is_own, what
            elif any(own_path.is_dir() and own_path.parent in path.parents for own_path in paths):
                # own_paths: A folder includes
                assert is_own, what
            # own_paths: The absolute paths
            assert is_own, what

    def test_links(self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord) -> None:
        """
        run_link: The address of the run's web page.
        experiment_link: The address of the experiment's web page.
        """
        default = redacted(tracker.uri)  # for a tracker without pages
        # run_link: The address
        assert run.id in (link := tracker.run_link(run)) or link == default
        # experiment_link: The address
        assert experiment.id in (link := tracker.experiment_link(experiment.id)) or link == default


def states(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return the files below a folder, each with two numbers that change when it is written."""
    stamps: dict[Path, tuple[int, int]] = {}
    for parent, _, names in os.walk(folder):  # a folder that vanishes meanwhile is left out
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                stamps[path] = status.st_size, status.st_mtime_ns
    return stamps
