"""Unpacking an archive that somebody else has made: all of it or nothing, and with limits."""

from __future__ import annotations

import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.exceptions import SnapshotException
from amlflow.jobs import snapshot, unpack
from amlflow.jobs.unpack import unpack as unpacked

Make = Callable[..., Path]


@pytest.fixture
def archive(tmp_path: Path) -> Make:
    def make(members: dict[str, bytes] | list[tuple[str, bytes]], mode: int = 0o100644) -> Path:
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for name, content in members.items() if isinstance(members, dict) else members:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = mode << 16
                target.writestr(info, content)
        return path

    return make


def tree(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))


def check_refused(path: Path, tmp_path: Path, match: str) -> None:
    """Refused with one sentence, both into a new folder and into one that is there."""
    before = tree(tmp_path)
    with pytest.raises(SnapshotException, match=match):
        unpacked(path, tmp_path / "new")
    assert tree(tmp_path) == before
    there = tmp_path / "there"
    there.mkdir()
    (there / "kept").write_text("kept")
    with pytest.raises(SnapshotException, match=match):
        unpacked(path, there)
    assert tree(there) == ["kept"]
    assert [each for each in tree(tmp_path) if not each.startswith("there")] == before


@pytest.mark.skipif(os.name == "nt", reason="it has no pipes in folders")
def test_a_pipe_is_not_packed_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "train.py").touch()
    assert snapshot.collect(tmp_path) == ["train.py"]
    [warning] = caplog.messages
    assert warning == f"Pipes, sockets and devices are not in the snapshot of {tmp_path}: pipe."


def test_what_was_packed_comes_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("train.py", "a/b/c.txt", "Makefile", "makefile", "größe.txt", "con.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "train.py").chmod(0o755)
    snapshot.pack(source, snapshot.collect(source), tmp_path / "archive.zip")
    for folder in (tmp_path / "new" / "deep", tmp_path / "there"):
        if folder.name == "there":
            folder.mkdir()
            (folder / "train.py").write_text("old")
            (folder / "kept").write_text("kept")
        unpacked(tmp_path / "archive.zip", folder)
        assert set(tree(source)) <= set(tree(folder))
        assert (folder / "train.py").read_text() == "train.py"
        assert os.access(folder / "train.py", os.X_OK)
        assert not os.access(folder / "Makefile", os.X_OK)
    assert (tmp_path / "there" / "kept").read_text() == "kept"
    assert not [name for name in tree(tmp_path) if "amlflow-unpack" in name]


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/escaped", "a/../../escaped", "a\\..\\b", "C:\\x", "C:/x", "a//b",
             "./a", "a\nb", "x" * 300, "/".join(["a"] * 300)],
)  # fmt: skip
def test_a_name_that_leads_elsewhere(archive: Make, tmp_path: Path, name: str) -> None:
    check_refused(archive({"fine": b"x", name: b"x"}), tmp_path, "was not unpacked")


def test_a_name_with_a_nul(archive: Make, tmp_path: Path) -> None:
    path = archive({"fineXhidden": b"x"})
    path.write_bytes(path.read_bytes().replace(b"fineXhidden", b"fine\0hidden"))
    check_refused(path, tmp_path, "NUL|not a valid zip")


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o060644, 0o140644])
def test_a_link_or_a_device(archive: Make, tmp_path: Path, mode: int) -> None:
    check_refused(archive({"link": b"/etc/passwd"}, mode), tmp_path, "'link'.*a link or a device")


def test_through_a_link_that_is_there(archive: Make, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "there" / "link").symlink_to("../elsewhere")
    path = archive({"a": b"x", "link/escaped": b"x"})
    with pytest.raises(SnapshotException, match="'link/escaped'"):
        unpacked(path, tmp_path / "there")
    assert tree(tmp_path) == ["archive.zip", "elsewhere", "there", "there/link"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["a/", "a"], ["a", "a/"]]
)
def test_the_same_name_twice(archive: Make, tmp_path: Path, names: list[str]) -> None:
    check_refused(
        archive([(name, b"") for name in names]), tmp_path, "twice|not a file|not a folder"
    )


def test_an_encrypted_member(archive: Make, tmp_path: Path) -> None:
    path = archive({"secret": b"x"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    # Not zipfile's own words for it, with which the archive would be said to be damaged.
    check_refused(path, tmp_path, "was not unpacked because of 'secret': it is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w", method) as target:
        target.writestr("bomb", bytes(1000))
    check_refused(tmp_path / "archive.zip", tmp_path, "packed in another way")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\5\6" + bytes(18)[:-2], b"\x1f\x8b" * 100])
def test_what_is_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "archive.zip").write_bytes(content)
    check_refused(tmp_path / "archive.zip", tmp_path, "not a valid zip archive")


def test_a_missing_archive(tmp_path: Path) -> None:
    check_refused(tmp_path / "archive.zip", tmp_path, "could not be unpacked")


def test_any_broken_archive_is_refused_or_whole(archive: Make, tmp_path: Path) -> None:
    whole = archive({"a": b"a" * 300, "b/c": os.urandom(300)}).read_bytes()
    chance = random.Random(7)
    for number in range(150):
        content = bytearray(whole)
        if number % 3:
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(len(content))] = chance.randrange(256)
        else:
            del content[chance.randrange(len(content)) :]
        (tmp_path / "broken.zip").write_bytes(content)
        folder = tmp_path / f"{number}"
        try:
            unpacked(tmp_path / "broken.zip", folder)
        except SnapshotException:
            assert not folder.exists()
    assert not [name for name in tree(tmp_path) if "amlflow-unpack" in name]


# limits


def test_more_than_the_largest_size_is_refused(
    archive: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive({f"{number}": bytes(1 << 20) for number in range(4)})
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "3")
    check_refused(path, tmp_path, "more than 3 MB.*AMLFLOW_SNAPSHOT_MAX_MB")
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "4")
    unpacked(path, tmp_path / "new")
    assert len(tree(tmp_path / "new")) == 4


def test_the_size_is_what_comes_out(
    archive: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the headers say of it."""
    path = archive({"bomb": bytes(16 << 20)})
    content = path.read_bytes()
    for claim in (1, 1 << 20):
        path.write_bytes(content.replace(struct.pack("<L", 16 << 20), struct.pack("<L", claim)))
        check_refused(path, tmp_path, "not a valid zip archive")
        (tmp_path / "there" / "kept").unlink()
        (tmp_path / "there").rmdir()
    path.write_bytes(content)
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "1")
    check_refused(path, tmp_path, "more than 1 MB")


def test_the_number_of_files(
    archive: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive({f"{number}": b"" for number in range(11)})
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "10")
    check_refused(path, tmp_path, "more than 10 files.*AMLFLOW_SNAPSHOT_MAX_FILES")
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "11")
    unpacked(path, tmp_path / "new")


def test_the_number_of_folders(
    archive: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "3")
    check_refused(archive({f"{number}/": b"" for number in range(31)}), tmp_path, "30 folders")


def test_a_directory_of_very_many_members(
    archive: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not even read: that alone would take all the memory."""
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "10")
    path = archive({f"{'x' * 200}{number}": b"" for number in range(9000)})
    check_refused(path, tmp_path, "directory is too large.*AMLFLOW_SNAPSHOT_MAX_FILES")


def test_members_that_share_their_bytes(tmp_path: Path, archive: Make) -> None:
    """Each is as long as its archive can make it, and all of them together are longer."""
    content = archive({"a": bytes(8 << 20)}).read_bytes()
    start = content.index(b"PK\1\2")
    entry, end = content[start : content.index(b"PK\5\6")], content.index(b"PK\5\6")
    entries = entry * 4
    tail = bytearray(content[end:])
    tail[8:16] = struct.pack("<HHL", 4, 4, len(entries))
    path = tmp_path / "archive.zip"
    path.write_bytes(content[:start] + entries + tail)
    # Some versions of Python check for overlapping members themselves; that is just as good.
    check_refused(path, tmp_path, "times its size|twice|Overlapped|not a valid zip")


def test_more_than_the_largest_ratio_is_refused(
    tmp_path: Path, archive: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive({"zeros": bytes(16 << 20)})  # the highest ratio of deflate, in a valid file
    unpacked(path, tmp_path / "new")
    monkeypatch.setattr(unpack, "MAX_RATIO", 100)
    check_refused(path, tmp_path, "more than 100 times its size")
