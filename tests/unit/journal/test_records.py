"""Records and segments: appended records are read back, whatever happened to the process."""

from __future__ import annotations

import functools
import math
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.journal import segments as segments_module
from amlflow.journal.folder import ProcessFolder
from amlflow.journal.record import (
    change_record,
    create_record,
    point_head,
    point_line,
    record_of,
    to_change,
    to_draft,
    to_line,
    to_point,
)
from amlflow.journal.segment_files import read_lines, segments_in
from amlflow.journal.segments import JournalFull, Segments
from amlflow.journal.settings import from_environment
from amlflow.spec import Kind, Point, RunChange, RunDraft

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
VALUES: list[tuple[Kind, Any]] = [
    (Kind.SCALAR, each)
    for each in (
        0, -1, 2**63, 10**400, True, False, None, 0.1, -0.0, 1e308, 5e-324, math.nan, math.inf,
        -math.inf, "", "text", "größer 😀", "a\nb\0c\\\"", "\ud800", "x" * 3_000_000,
    )
]  # fmt: skip
VALUES += [
    (Kind.LIST, [1, 2.5, None, "x", math.inf]),
    (Kind.ROW, {"a": 1, "größe\n": "x"}),
    (Kind.TABLE, {"a": [1, 2], "b": [None, "x"]}),
    (Kind.IMAGE, "plot.png"),
]


def lines_of(folder: Path) -> list[bytes]:
    found = []
    for path in segments_in(folder):
        offset = 0
        while True:
            lines, offset = read_lines(path, offset)
            if not lines:
                break
            found += lines
    return found


def new_segments(folder: Path, most: int = 100_000_000, *, fsync: bool = False) -> Segments:
    def make(old: ProcessFolder | None = None) -> ProcessFolder:
        return ProcessFolder.make(folder, "memory://", fsync=fsync)

    return Segments(make(), most, fsync=fsync, wake=lambda: None, make_folder=make)


@pytest.mark.parametrize(
    ("kind", "value"), VALUES, ids=[f"{k.value} {str(v)[:20]!r}" for k, v in VALUES]
)
def test_points_come_back(tmp_path: Path, kind: Kind, value: Any) -> None:
    first = Point(name="größe \n", value=value, kind=kind, order=7, time=NOW, writer="w")
    points = [replace(first, step=step) for step in (None, -3, 2**63 - 1)]
    segments = new_segments(tmp_path)
    for point in points:
        segments.append(point_line(point_head("run", point), point))
    lines = lines_of(segments.folder.path)
    assert [repr(to_point(record_of(line))) for line in lines] == list(map(repr, points))


def test_changes_and_drafts_come_back() -> None:
    change = RunChange(status="Completed", ended=NOW, tags={"a": None, "b": ""}, tags_removed=["c"])
    assert to_change(record_of(to_line(change_record("run", change))[:-1])) == change
    draft = RunDraft(experiment_id="1", created=NOW, tags={"a": None}, properties={"p": "1"})
    assert to_draft(record_of(to_line(create_record("run", draft, "mark"))[:-1])) == draft


def test_records_fill_segments_and_come_back_in_order(tmp_path: Path) -> None:
    segments = new_segments(tmp_path)
    records = [["x", None, number, "y" * (number % 700)] for number in range(9000)]
    for record in records:
        segments.append(to_line(record))
    assert len(segments_in(segments.folder.path)) > 2
    assert [record_of(line) for line in lines_of(segments.folder.path)] == records


def test_a_torn_record_is_left_out_wherever_it_was_torn(tmp_path: Path) -> None:
    segments = new_segments(tmp_path)
    first, last = to_line(["x", None, 1]), to_line(["x", None, "the last one"])
    segments.append(first)
    segments.append(last)
    [path] = segments_in(segments.folder.path)
    whole = path.read_bytes()
    for cut in range(1, len(last)):
        path.write_bytes(whole[: len(first) + len(last) - cut] + bytes(200))
        found = [record_of(line) for line in lines_of(segments.folder.path) if line]
        assert [each for each in found if each is not None] == [["x", None, 1]], cut


def test_a_damaged_record_is_left_out_and_the_others_are_not(tmp_path: Path) -> None:
    segments = new_segments(tmp_path)
    for number in range(3):
        segments.append(to_line(["x", None, number]))
    [path] = segments_in(segments.folder.path)
    content = bytearray(path.read_bytes())
    content[content.index(b",1]") + 1] = ord("7")
    path.write_bytes(content)
    assert [record_of(line) for line in lines_of(segments.folder.path)] == [
        ["x", None, 0],
        None,
        ["x", None, 2],
    ]


def test_the_limit_is_an_error_at_the_call_and_nothing_is_lost(tmp_path: Path) -> None:
    segments = new_segments(tmp_path, most=2_500_000)
    kept = 0

    def fill() -> None:
        nonlocal kept
        while True:
            segments.append(to_line(["x", None, kept, "y" * 1000]))
            kept += 1

    with pytest.raises(
        JournalFull, match=r"2\.5 MB already wait for the tracker in .*AMLFLOW_JOURNAL_MAX_MB"
    ):
        fill()
    assert [record_of(line)[2] for line in lines_of(segments.folder.path)] == list(range(kept))
    # Records that were sent free their space.
    while segments.take():
        segments.mark_sent()
    segments.append(to_line(["x", None, kept]))


@pytest.mark.parametrize("fsync", [True, False])
def test_with_fsync_each_record_is_on_the_disk_when_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
) -> None:
    flushed: list[Path] = []
    synced: list[Path] = []

    def sync(handle: int, paths: list[Path]) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{handle}")))

    monkeypatch.setattr(segments_module, "sync", functools.partial(sync, paths=flushed))
    monkeypatch.setattr(os, "fsync", functools.partial(sync, paths=synced))
    segments = new_segments(tmp_path, fsync=fsync)
    place = segments.folder.path
    assert [each.name for each in synced] == (["process.json"] if fsync else [])
    synced.clear()
    for number in range(300):
        segments.append(to_line(["x", None, number, "y" * 50]))
        assert len(flushed) == (number + 1 if fsync else 0)
    [file] = segments_in(place)
    assert set(flushed) == ({file} if fsync else set())
    assert synced[:3] == ([file, place, place.parent] if fsync else [])
    synced.clear()
    segments.keep_file(file, "copy")
    assert synced == ([place / "files/copy", place / "files"] if fsync else [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMLFLOW_JOURNAL", "maybe"),
        ("AMLFLOW_JOURNAL_MAX_MB", "much"),
        ("AMLFLOW_FLUSH_SECONDS", "-1"),
    ],
)
def test_a_setting_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(UserErrorException, match=f"{name}.*{value}"):
        from_environment({name: value})


def test_settings_are_read() -> None:
    found = from_environment(
        {"AMLFLOW_JOURNAL": "off", "AMLFLOW_FSYNC": "1", "AMLFLOW_JOURNAL_FOLDER": "/x"}
    )
    assert (found.on, found.fsync, found.folder, found.offline) == (False, True, Path("/x"), False)
