"""The files below a folder: which links are followed, and which are left out."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from amlflow import linked_folders
from amlflow.linked_folders import LeadsOut
from amlflow.local_files import files_below, pin


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder beside a file and a folder that are none of its business."""
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "secret").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "work" / "outputs").mkdir(parents=True)
    return tmp_path / "work"


def test_names_are_relative_to_the_root(work: Path) -> None:
    (work / "outputs" / "a" / "b").mkdir(parents=True)
    for name in ("z", "a/b/c", "a/.hidden"):
        (work / "outputs" / name).write_text(name)
    files, left_out = files_below(work / "outputs", work)
    assert list(files) == ["outputs/a/.hidden", "outputs/a/b/c", "outputs/z"]
    assert all(path == work / name for name, path in files.items())
    assert list(files_below(work / "outputs").files) == ["a/.hidden", "a/b/c", "z"]
    assert left_out == []


def test_an_absent_folder_has_none(work: Path) -> None:
    (work / "a file").write_text("x")
    for name in ("absent", "absent/deeper", "a file", "a file/below"):
        assert files_below(work / name, work) == ({}, [])


@pytest.mark.skipif(os.name == "nt", reason="a backslash is not in a name there")
def test_a_name_that_no_file_of_a_run_can_have_is_left_out(work: Path) -> None:
    for name in ("a\\b", "a"):
        (work / "outputs" / name).write_text("x")
    assert files_below(work / "outputs") == ({"a": work / "outputs" / "a"}, ["a\\b"])


@pytest.mark.skipif(os.name == "nt", reason="names are texts there")
def test_a_name_that_is_not_a_text_is_left_out(work: Path) -> None:
    """No tracker could store it, so its job would wait for ever."""
    for name in (b"\xff\xfe", b"caf\xe9.txt", "ä".encode()):
        (work / "outputs" / os.fsdecode(name)).write_text("x")
    files, left_out = files_below(work / "outputs")
    assert list(files) == ["ä"]
    assert left_out == [os.fsdecode(b"caf\xe9.txt"), os.fsdecode(b"\xff\xfe")]


@pytest.mark.parametrize(
    "target",
    ["../../secret", "../../elsewhere", "../../elsewhere/deep", "..", ".", "loop", "nowhere",
     "../..", "/", "/etc/passwd", "../../work-other"],
)  # fmt: skip
@pytest.mark.parametrize("is_absolute", [False, True])
def test_a_link_that_leads_out_is_left_out(work: Path, target: str, is_absolute: bool) -> None:
    (work.parent / "work-other").mkdir()  # its name begins as the root's does
    (work.parent / "work-other" / "secret").write_text("secret")
    outputs = work / "outputs"
    (outputs / "kept").write_text("kept")
    (outputs / "loop").symlink_to("loop")
    to = os.path.normpath(outputs / target) if is_absolute else target
    (outputs / "link").symlink_to(to)
    files, left_out = files_below(outputs, work)
    assert files == {"outputs/kept": outputs / "kept"}
    assert left_out == ["outputs/link", "outputs/loop"]


def test_a_link_by_way_of_another_is_left_out(work: Path) -> None:
    (work / "away").symlink_to("../elsewhere")
    (work / "outputs" / "link").symlink_to("../away/deep/secret")
    (work / "outputs" / "folder").symlink_to("../away/deep")
    assert files_below(work / "outputs", work) == ({}, ["outputs/folder", "outputs/link"])


@pytest.mark.parametrize("target", ["../elsewhere", "/etc", ".", "..", "outputs"])
def test_a_folder_that_is_such_a_link_itself_is_left_out(work: Path, target: str) -> None:
    (work / "outputs").rmdir()
    (work / "outputs").symlink_to(target)
    assert files_below(work / "outputs", work) == ({}, ["outputs"])


def test_a_folder_above_it_that_is_such_a_link_is_left_out(work: Path) -> None:
    (work / "results").symlink_to("../elsewhere")
    assert files_below(work / "results" / "deep", work) == ({}, ["results"])


def test_a_link_inside_counts_as_what_it_leads_to(work: Path) -> None:
    (work / "checkpoints" / "100").mkdir(parents=True)
    (work / "checkpoints" / "100" / "model").write_text("model")
    (work / "outputs" / "best").symlink_to("../checkpoints/100/model")
    (work / "outputs" / "latest").symlink_to("../checkpoints/100")
    files, left_out = files_below(work / "outputs", work)
    assert list(files) == ["outputs/best", "outputs/latest/model"]
    assert {path.read_text() for path in files.values()} == {"model"}
    assert left_out == []
    # If the folder itself is the root, these links lead out of it.
    assert files_below(work / "outputs") == ({}, ["best", "latest"])


def test_a_root_that_is_reached_through_a_link_is_the_folder_behind_it(work: Path) -> None:
    (work / "outputs" / "a").write_text("a")
    (work / "outputs" / "link").symlink_to("a")
    (work.parent / "alias").symlink_to("work")
    alias = work.parent / "alias"
    assert list(files_below(alias / "outputs", alias).files) == ["outputs/a", "outputs/link"]


def test_links_do_not_multiply_what_there_is(work: Path) -> None:
    for level in range(40):  # each holds two links to the next
        folder = work / "outputs" / f"{level}"
        folder.mkdir()
        for name in ("x", "y"):
            (folder / name).symlink_to(f"../{level + 1}")
    (work / "outputs" / "40").mkdir()
    (work / "outputs" / "40" / "file").write_text("x")
    files, left_out = files_below(work / "outputs", work)
    assert "outputs/40/file" in files
    assert len(files) + len(left_out) < 1000


def test_what_is_neither_a_file_nor_a_folder_is_left_out(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(work / "outputs" / "pipe")
    (work / "outputs" / "link").symlink_to("pipe")
    monkeypatch.chdir(work / "outputs")  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        left_out = files_below(work / "outputs", work).left_out
    assert left_out == ["outputs/link", "outputs/pipe", "outputs/socket"]


# --- Opening one of them ---


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other").write_text("secret")
    filled = tmp_path / "filled"
    (filled / "outputs" / "deep").mkdir(parents=True)
    (filled / "outputs" / "a").write_text("a")
    (filled / "outputs" / "deep" / "b").write_text("b")
    (filled / "data").mkdir()
    (filled / "data" / "c").write_text("c")
    return filled


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_is_put_there_after_the_look(filled: Path, tmp_path: Path, swapped: str):
    path = filled / "outputs" / "deep" / "b"
    assert path in files_below(filled / "outputs", filled).files.values()
    if swapped == "file":
        path.unlink()
        path.symlink_to(tmp_path / "secret")
    else:
        (tmp_path / "elsewhere" / "b").write_text("secret")
        path.unlink()
        path.parent.rmdir()
        path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LeadsOut):
        pin(path, filled, tmp_path / "pinned")
    assert not (tmp_path / "pinned").exists()


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_is_put_there_while_it_is_opened(
    filled: Path, tmp_path: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
):
    path = filled / "outputs" / "deep" / "b"
    resolving = linked_folders.resolve_links

    def resolve_and_link(asked: Path) -> Path:
        real_path = resolving(asked)
        if asked.name == "b":
            path.unlink()
            if swapped == "file":
                path.symlink_to(tmp_path / "secret")
            else:
                (tmp_path / "elsewhere" / "b").write_text("secret")
                path.parent.rmdir()
                path.parent.symlink_to(tmp_path / "elsewhere")
        return real_path

    monkeypatch.setattr(linked_folders, "resolve_links", resolve_and_link)
    with pytest.raises(LeadsOut):
        pin(path, filled, tmp_path / "pinned")
    assert not (tmp_path / "pinned").exists()


def test_what_is_pinned_stays_what_it_was(filled: Path, tmp_path: Path):
    path = filled / "outputs" / "a"
    pin(path, filled, tmp_path / "pinned")
    assert os.path.samefile(path, tmp_path / "pinned"), "it takes room on the disk"
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    assert (tmp_path / "pinned").read_text() == "a"


def test_only_files_are_opened(filled: Path, tmp_path: Path):
    """A named pipe that is put in a file's place is not waited for."""
    path = filled / "outputs" / "a"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LeadsOut):
        pin(path, filled, tmp_path / "pinned")


def test_a_name_that_only_begins_as_the_base_does_is_outside(filled: Path, tmp_path: Path):
    (tmp_path / "filled2").mkdir()
    (tmp_path / "filled2" / "x").write_text("secret")
    (filled / "outputs" / "x").symlink_to(tmp_path / "filled2" / "x")
    assert files_below(filled / "outputs", filled).left_out == ["outputs/x"]
    with pytest.raises(LeadsOut):
        pin(filled / "outputs" / "x", filled, tmp_path / "pinned")
