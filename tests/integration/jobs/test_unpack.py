"""The largest snapshot that can be packed can also be unpacked."""

from __future__ import annotations

from pathlib import Path

from amlflow.jobs import snapshot
from amlflow.jobs.unpack import unpack as unpacked


def tree(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))


def test_what_may_be_packed_may_be_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "zeros").write_bytes(bytes(200 << 20))
    for number in range(1999):
        (source / f"{number}").touch()
    snapshot.pack(source, snapshot.collect(source), tmp_path / "archive.zip")
    unpacked(tmp_path / "archive.zip", tmp_path / "new")
    assert (tmp_path / "new" / "zeros").stat().st_size == 200 << 20
    assert len(tree(tmp_path / "new")) == 2000
