"""Names from a tracker become paths below a folder, or are refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from amlflow import local_paths
from amlflow.local_paths import LocalPaths, UnsafeName, local_path_for

GOOD = ["a", "outputs/model.pkl", "a b/c", "größe.txt", "日本語/🙂", "..a", "a..", "a/...", "con",
        "aux.txt", "ab:c", "12:30", "-rf", "~root/x", "%2e%2e/x", "x" * 255, "a<b>|*",
        "/".join(["a"] * 200)]  # fmt: skip
BAD = ["", "/", "/etc/passwd", "//host/share", "..", "../x", "../../x", "a/../../x", "a/..", "a/.",
       "./a", ".", "a//b", "a/", "a\\b", "..\\..\\x", "\\\\host\\x", "C:\\x", "C:/x", "c:x", "a\0b",
       "a\nb", "a\tb", "a\x7f", "a\x9b31m", "\x1b[31mred", "x" * 256, "ü" * 128, "\ud800",
       "/".join(["a"] * 201), "/".join(["x" * 200] * 30)]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_a_path_below_the_folder(tmp_path: Path, name: str) -> None:
    path = local_path_for(name, tmp_path / "below")
    assert path == tmp_path / "below" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert local_path_for(name, tmp_path / "below") == path  # also where the file is there


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leads_elsewhere_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeName) as refusal:
        local_path_for(name, tmp_path)
    assert repr(name)[:100] in refusal.value.message
    assert len(refusal.value.message) < 1000
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize("name", [None, 3, b"a", ["a"], {"a": 1}])
def test_what_is_no_text_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(UnsafeName):
        local_path_for(name, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "target", ["..", "../elsewhere", "/etc", "../nothing", "loop", "../file", "."]
)
@pytest.mark.parametrize("name", ["link", "link/x", "a/link/x", "a/link"])
def test_a_link_that_is_there_leads_nobody_out(tmp_path: Path, target: str, name: str) -> None:
    below = tmp_path / "below"
    (below / "a").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").write_text("kept")
    (below / "loop").symlink_to("loop")
    (below / "link").symlink_to(target)
    (below / "a" / "link").symlink_to(target if target.startswith("/") else f"../{target}")
    if target == "." and name.endswith("x"):  # it stays inside
        assert local_path_for(name, below).resolve() == below / "x"
        return
    with pytest.raises(UnsafeName, match="below"):
        local_path_for(name, below)


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "below").mkdir(parents=True)
    (tmp_path / "below").symlink_to("real/below")  # the folder itself is the caller's choice
    (tmp_path / "below" / "b").mkdir()
    (tmp_path / "below" / "link").symlink_to("b")
    assert local_path_for("link/x", tmp_path / "below") == tmp_path / "below" / "link" / "x"
    assert local_path_for("x", tmp_path / "below") == tmp_path / "below" / "x"


def test_what_is_there_and_no_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe", "file/below", "pipe/below"):
        with pytest.raises(UnsafeName):
            local_path_for(name, tmp_path)


def test_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("..")
    assert local_path_for("a/b", Path(".")) == Path("a/b")
    for name in ("link/x", "../x"):
        with pytest.raises(UnsafeName):
            local_path_for(name, Path("."))


@pytest.mark.parametrize(
    "name", ["CON", "con", "a/nul.txt", "Aux", "COM1", "lpt9.log", "com¹", "a.", "a ", "ab:c", "a?"]
)
def test_names_that_windows_reserves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(local_paths, "IS_WINDOWS", True)
    with pytest.raises(UnsafeName, match="Windows"):
        local_path_for(name, tmp_path)
    for fine in ("console", "com", "auxiliary.txt", "a.b", ".hidden"):
        local_path_for(fine, tmp_path)


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["a/b", "a/B", "A/b", "A/c"], ["a/B", "A/b"]),
        (["größe", "gro\u0308ße", "GRÖSSE", "x"], ["gro\u0308ße", "GRÖSSE"]),
        (["A", "a/b"], ["a/b"]),
        (["a/b", "A"], ["A"]),
    ],
)
def test_names_that_are_one_file_on_this_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], refused: list[str]
) -> None:
    assert refused_of(tmp_path, names) == []
    monkeypatch.setattr(local_paths, "FOLDS_NAMES", True)
    assert refused_of(tmp_path, names) == refused


def refused_of(below: Path, names: list[str]) -> list[str]:
    """The names that are refused when all get a path; each message names the other."""
    paths, refused, accepted = LocalPaths(below), [], list[str]()
    for name in names:
        try:
            assert paths.path_for(name) == below / name
        except UnsafeName as refusal:
            refused.append(name)
            assert any(repr(other) in refusal.message for other in accepted)  # noqa: PT017
        else:
            accepted.append(name)
    return refused


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["a", "a/b", "a/b/c", "b"], ["a/b", "a/b/c"]),
        (["a/b/c", "a", "a/b", "a/c"], ["a", "a/b"]),
        (["a/b", "a/b"], []),
    ],
)
def test_a_file_and_a_folder_of_one_name(
    tmp_path: Path, names: list[str], refused: list[str]
) -> None:
    assert refused_of(tmp_path, names) == refused
