"""File names of a tracker that lead out of the folder: nothing is written there.

If many files are downloaded, such a file is left out and named. The others are written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from amlflow.cli import main
from amlflow.core.experiment import Experiment
from amlflow.core.runs.files import SNAPSHOT_PROPERTY
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import RunChange
from helpers.memory_workspace import configured_tracker

HOSTILE = ["../../escaped", "..", "logs/../../../escaped", "/tmp/escaped", "logs//escaped",
           "logs\\..\\..\\escaped", "C:\\escaped", "logs/nul\0escaped", "logs/line\nescaped",
           "logs/" + "escaped" * 50, "link/escaped", "logs/link/escaped", "logs/file-link",
           "amlflow/escaped", "good/a/below-a-file"]  # fmt: skip
GOOD = ["good/a", "logs/b"]


@pytest.fixture
def hostile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run of a tracker that lists names which lead out; links that lead out are in the folder."""
    with configured_tracker("hostile", monkeypatch) as tracker:
        run = Experiment(Workspace.from_config(), "hostile").start_logging(snapshot_directory=None)
        tracker._files[run.id] = dict.fromkeys(sorted([*HOSTILE, *GOOD]), b"content")
        elsewhere = folder.parent / "elsewhere"
        elsewhere.mkdir()
        (folder / "logs").mkdir()
        (folder / "link").symlink_to(elsewhere)
        (folder / "logs" / "link").symlink_to(elsewhere)
        (folder / "logs" / "file-link").symlink_to(elsewhere / "escaped")
        yield run


def check_nothing_escaped(folder: Path, around: list[str]) -> None:
    assert sorted(os.listdir(folder.parent)) == around
    assert os.listdir(folder.parent / "elsewhere") == []
    assert not os.path.exists("/tmp/escaped")


DOWNLOADS: dict[str, Callable[[Run, Path], object]] = {
    "download_files": lambda run, folder: run.download_files(),
    "download_files(output_directory)": lambda run, folder: run.download_files(
        output_directory=str(folder)
    ),
    "get_all_logs": lambda run, folder: run.get_all_logs(),
    "run download-logs": lambda run, folder: main(
        ["run", "download-logs", "-r", run.id, "-d", str(folder)]
    ),
}


@pytest.mark.parametrize("download", DOWNLOADS)
def test_a_batch_leaves_them_out_and_names_them(
    hostile: Run, folder: Path, caplog: pytest.LogCaptureFixture, download: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    around = sorted(os.listdir(folder.parent))
    try:
        DOWNLOADS[download](hostile, folder)
    except SystemExit as end:  # raised by the command
        assert not end.code  # noqa: PT017
    check_nothing_escaped(folder, around)
    listed = [name for name in hostile.get_file_names()
              if "logs" not in download or name.startswith("logs/")]  # fmt: skip
    said = caplog.text + capsys.readouterr().err
    for name in listed:
        if name in GOOD:
            assert (folder / name).read_bytes() == b"content"
        else:
            assert repr(name)[:100] in said, name
    assert len([name for name in listed if name in GOOD]) == (1 if "logs" in download else 2)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", [None, "logs/"])
def test_one_of_them_goes_nowhere_else(
    hostile: Run, folder: Path, name: str, target: str | None
) -> None:
    around = sorted(os.listdir(folder.parent))
    try:
        hostile.download_file(name, target)
    except UserErrorException as refusal:
        assert repr(name.rpartition("/")[2])[1:60] in refusal.message  # noqa: PT017
    else:  # its base name is fine here
        assert (folder / (target or ".") / name.rpartition("/")[2]).read_bytes() == b"content"
    check_nothing_escaped(folder, around)


def test_its_base_name_may_be_a_link_that_leads_out(hostile: Run, folder: Path) -> None:
    around = sorted(os.listdir(folder.parent))
    with pytest.raises(UserErrorException, match="'file-link'"):
        hostile.download_file("logs/file-link", "logs/")
    check_nothing_escaped(folder, around)


def test_logs_are_read_without_them(
    hostile: Run, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    around = sorted(os.listdir(folder.parent))
    found = hostile.get_details_with_logs()["logFiles"]
    assert found["logs/b"] == "content"
    assert "logs/../../../escaped" not in found
    assert "logs/../../../escaped" in caplog.text
    check_nothing_escaped(folder, around)


@pytest.mark.parametrize("digest", ["../escaped", "/tmp/escaped", "..", "a/b", "a\\b", "a\0b"])
def test_a_snapshot_of_such_an_id(hostile: Run, folder: Path, digest: str) -> None:
    around = sorted(os.listdir(folder.parent))
    tracker = hostile._tracker
    hostile_archive = folder / "archive"
    hostile_archive.write_bytes(b"content")
    tracker.put_snapshot(digest, hostile_archive)
    tracker.update_run(hostile.id, RunChange(properties={SNAPSHOT_PROPERTY: digest}))
    for restore in (hostile.restore_snapshot, lambda: hostile.restore_snapshot(digest)):
        with pytest.raises(AzureMLException):
            restore()
    check_nothing_escaped(folder, around)
