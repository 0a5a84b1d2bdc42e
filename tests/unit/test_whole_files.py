"""A file is written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

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
