"""Differences between two runs: values, and lines of the files in their snapshots."""

from __future__ import annotations

import random
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.runs import snapshot_files
from amlflow.core.runs.snapshot_files import MAX_FILES, MAX_LINES, MAX_TEXT, diff_snapshots
from amlflow.exceptions import SnapshotException
from amlflow.plain_json import to_json
from amlflow.spec import RunDraft, RunRecord
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.suites.base import new_point
from amlflow_page.difference import MAX_ENTRIES, difference

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ONE, OTHER = "a" * 64, "b" * 64


class Store:
    """A tracker in memory, to which snapshots are given as dicts of files."""

    def __init__(self, folder: Path) -> None:
        self.tracker = MemoryTracker("memory:")
        self.experiment = self.tracker.ensure_experiment("explore-runs")
        self.folder = folder

    def snapshot(self, digest: str, files: dict[str, bytes]) -> None:
        archive = self.folder / f"{digest}.zip"
        with zipfile.ZipFile(archive, "w") as content:
            for name, data in files.items():
                content.writestr(name, data)
        self.tracker.put_snapshot(digest, archive)

    def diff(self, one: dict[str, bytes], other: dict[str, bytes]) -> Any:
        self.snapshot(ONE, one)
        self.snapshot(OTHER, other)
        return diff_snapshots(self.tracker, ONE, OTHER)

    def run(self, **draft: Any) -> RunRecord:
        [record] = self.tracker.create_runs(
            [RunDraft(experiment_id=self.experiment.id, created=START, **draft)]
        )
        return record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_lines_that_differ_are_shown(store: Store) -> None:
    answer = store.diff(
        {"train.py": b"lr = 1\nprint(lr)\n", "same.txt": b"same", "gone.txt": b"a\n"},
        {"train.py": b"lr = 2\nprint(lr)\n", "same.txt": b"same", "new.txt": b"b\n"},
    )
    gone, new, train = answer["files"]
    assert answer["count"] == 3
    assert train["diff"].split("\n")[2:] == [
        "@@ -1,2 +1,2 @@",
        "-lr = 1",
        "+lr = 2",
        " print(lr)",
    ]
    assert (gone["sizes"], gone["diff"].split("\n")[-1]) == ([2, None], "-a")
    assert (new["sizes"], new["diff"].split("\n")[-1]) == ([None, 2], "+b")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "it is not a text"),
        (b"a\0b", "it is not a text"),
        (b"x" * (MAX_TEXT + 1), f"it has over {MAX_TEXT} bytes"),
        (b"\n" * (MAX_LINES + 1), f"it has over {MAX_LINES} lines"),
    ],
)
def test_what_is_not_compared_says_why(store: Store, content: bytes, reason: str) -> None:
    [file] = store.diff({"file": b"text"}, {"file": content})["files"]
    assert (file["diff"], file["reason"]) == (None, reason)


def test_a_difference_has_limits(store: Store) -> None:
    files = {f"{number:04}": b"" for number in range(MAX_FILES + 1)}
    answer = store.diff({}, files)
    assert (len(answer["files"]), answer["count"]) == (MAX_FILES, MAX_FILES + 1)


def test_two_files_at_the_limits_are_compared_in_seconds(store: Store) -> None:
    chance = random.Random(3)
    sides = [
        "\n".join(chance.choice("abcdefgh") * 20 for _ in range(MAX_LINES - 1)).encode()
        for _ in range(2)
    ]
    [file] = store.diff({"file": sides[0]}, {"file": sides[1]})["files"]
    assert file["diff"] or "characters" in file["reason"]


def test_the_same_snapshot_and_none_have_no_difference(store: Store) -> None:
    assert diff_snapshots(store.tracker, ONE, ONE) == {"files": [], "count": 0}
    store.snapshot(ONE, {"a.py": b"1\n"})
    [file] = diff_snapshots(store.tracker, None, ONE)["files"]
    assert file["sizes"] == [None, 2]


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "a/b"])
def test_an_id_that_is_not_a_snapshots_is_refused(store: Store, digest: str) -> None:
    with pytest.raises(SnapshotException):
        diff_snapshots(store.tracker, digest, ONE)


def test_a_snapshot_that_is_not_an_archive_is_named(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no archive")
    store.tracker.put_snapshot(ONE, broken)
    store.snapshot(OTHER, {})
    with pytest.raises(SnapshotException, match="is not a valid zip archive"):
        diff_snapshots(store.tracker, ONE, OTHER)


def damage(archive: bytes, kind: str) -> bytes:
    """An archive of one file whose directory, name or content is not what zipfile expects."""
    content, directory = bytearray(archive), archive.rindex(b"PK\x01\x02")
    if kind == "version":  # that is needed to unpack it
        content[directory + 6] = 99
    elif kind == "name":  # flagged as UTF-8
        content[directory + 9] |= 0x08
        content[directory + 46] = 0xFF
    elif kind == "patch":  # a flag that zipfile does not know
        content[directory + 8] |= 0x20
        content[6] |= 0x20
    elif kind == "encrypted":
        content[directory + 8] |= 0x1
        content[6] |= 0x1
    elif kind == "method":
        content[directory + 10] = 97
    else:  # the compressed bytes
        content[40:50] = bytes(10)
    return bytes(content)


@pytest.mark.parametrize("kind", ["version", "name"])
def test_an_archive_with_a_broken_directory_is_named(
    store: Store, tmp_path: Path, kind: str
) -> None:
    store.snapshot(OTHER, {"file": b"a"})
    archive = tmp_path / "damaged"
    archive.write_bytes(damage((tmp_path / f"{OTHER}.zip").read_bytes(), kind))
    store.tracker.put_snapshot(ONE, archive)
    with pytest.raises(SnapshotException, match="is not a valid zip archive"):
        diff_snapshots(store.tracker, ONE, OTHER)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("patch", "broken"),
        ("encrypted", "it is encrypted"),
        ("method", "packed in another way"),
        ("bytes", "broken"),
    ],
)
def test_a_file_that_cannot_be_unpacked_has_a_reason_and_the_others_a_difference(
    store: Store, tmp_path: Path, kind: str, reason: str
) -> None:
    store.snapshot(OTHER, {"file": b"a" * 100})
    archive = tmp_path / "damaged"
    archive.write_bytes(damage((tmp_path / f"{OTHER}.zip").read_bytes(), kind))
    store.tracker.put_snapshot(ONE, archive)
    [file] = diff_snapshots(store.tracker, ONE, None)["files"]
    assert file["diff"] is None
    assert reason in file["reason"]


def test_files_are_not_compared_for_longer_than_the_limit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_files, "TIME_S", -1.0)
    [file] = store.diff({"a": b"1\n"}, {"a": b"2\n"})["files"]
    assert (file["diff"], "too long" in file["reason"]) == (None, True)


def test_runs_differ_in_sections(store: Store) -> None:
    definition = {"script": "train.py", "arguments": ["--lr", "1"]}
    left = store.run(
        tags={"stage": "dev", "same": "yes"},
        properties={"author": "mara"},
        system={"definition": to_json(definition)},
    )
    right = store.run(tags={"same": "yes", "reviewed": None}, properties={"author": "jonas"})
    for run, values in ((left, (3.0, 1.0)), (right, (2.0,))):
        store.tracker.write_points(
            run.id,
            [new_point("loss", value, order=order) for order, value in enumerate(values)],
        )
    answer = difference(store.tracker, left, right)
    sections = {section["name"]: section["entries"] for section in answer["sections"]}
    assert sections == {
        "properties": [["author", "mara", "jonas"]],
        "tags": [["reviewed", None, None], ["stage", "dev", None]],
        "command": [["command", "python train.py --lr 1", None]],
        "metrics": [["loss", 1.0, 2.0]],
    }
    assert answer["files"] == []


def test_runs_that_are_alike_differ_in_nothing(store: Store) -> None:
    one, other = store.run(tags={"a": "b"}), store.run(tags={"a": "b"})
    assert difference(store.tracker, one, other) == {"sections": [], "files": [], "count": 0}


def test_a_section_has_a_limit(store: Store) -> None:
    tags = {f"{number:04}": "x" for number in range(MAX_ENTRIES + 1)}
    [section] = difference(store.tracker, store.run(tags=tags), store.run())["sections"]
    assert (len(section["entries"]), section["count"]) == (MAX_ENTRIES, MAX_ENTRIES + 1)


@pytest.mark.parametrize("digest", ["c" * 64, "../../etc", "", "x" * 5000, "\ud800"])
def test_runs_are_compared_without_a_snapshot_that_cannot_be_read(
    store: Store, digest: str
) -> None:
    store.snapshot(ONE, {"train.py": b"pass"})
    left, right = (
        store.tracker.create_runs(
            [
                RunDraft(
                    experiment_id=store.experiment.id,
                    created=START,
                    tags={"tag": snapshot[:1]},
                    properties={"ContentSnapshotId": snapshot},
                )
            ]
        )[0]
        for snapshot in (ONE, digest)
    )
    found = difference(store.tracker, left, right)
    assert [section["name"] for section in found["sections"]] == ["tags"]
    assert (found["files"], found["count"]) == ([], 0)
    assert "napshot" in found["unread"]
