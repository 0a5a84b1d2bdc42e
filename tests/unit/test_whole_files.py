"""A file is written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

import pytest
from amlflow import whole_files


def test_a_file_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    whole_files.write_json(path, {"name": "ü"})
    assert path.read_text(encoding="utf-8") == '{\n    "name": "ü"\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_where_writing_fails_the_old_file_stays_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        whole_files.write_text(path, "half of it\udc80")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_a_file_of_the_owners_is_readable_by_nobody_else(tmp_path: Path) -> None:
    whole_files.write_text(tmp_path / "job.json", "{}", whole_files.OWN)
    assert stat.S_IMODE((tmp_path / "job.json").stat().st_mode) == 0o600


def test_a_copy_is_whole_or_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / ("n" * 255)
    source.write_text("new")
    target.write_text("old")

    def copy_half(original: object, file: BinaryIO) -> None:
        file.write(b"ne")
        raise OSError("no space left")

    monkeypatch.setattr("shutil.copyfileobj", copy_half)
    with pytest.raises(OSError, match="no space"):
        whole_files.copy_file(source, target)
    monkeypatch.undo()
    assert target.read_text() == "old"
    whole_files.copy_file(source, target)
    assert target.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [target, source]
