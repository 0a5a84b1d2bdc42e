"""Scripts that cannot be submitted: nothing is left of the attempt."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs import snapshot
from azureml.core import Environment, ScriptRunConfig
from azureml.exceptions import (
    AzureMLException,
    ComputeTargetException,
    SnapshotException,
    UserErrorException,
)
from helpers.submitted_jobs import log_of, script, submit, until, wait_for_end


@pytest.fixture(autouse=True)
def nothing_is_left(experiment: Any, jobs: Path) -> Any:
    yield
    until(lambda: not list(jobs.glob("*")), what="that no job is left")


def refused(experiment: Any, error: type[AzureMLException], **config: Any) -> str:
    given = {"source_directory": "src", "script": "script.py", **config}
    with pytest.raises(error) as caught:
        experiment.submit(ScriptRunConfig(**given))
    assert list(experiment.get_runs()) == []
    return str(caught.value.message)


def test_a_missing_script(experiment: Any) -> None:
    script("pass")
    assert "'none.py'" in refused(experiment, UserErrorException, script="none.py")
    assert "Neither script nor command" in refused(experiment, UserErrorException, script=None)


def test_a_folder_in_its_place(experiment: Any) -> None:
    script("pass")
    Path("src/sub").mkdir()
    assert "is a folder" in refused(experiment, UserErrorException, script="sub")


def test_a_script_outside_of_the_folder(experiment: Any) -> None:
    script("pass")
    script("pass", folder="other")
    for outside in ("../other/script.py", os.path.abspath("other/script.py")):
        assert "outside of source_directory" in refused(
            experiment, UserErrorException, script=outside
        )
    Path("src/link.py").symlink_to("../other/script.py")
    assert "outside of source_directory" in refused(
        experiment, UserErrorException, script="link.py"
    )


def test_links_in_a_circle(experiment: Any) -> None:
    script("pass")
    Path("src/loop").symlink_to("loop")
    for name in ("loop", "loop/script.py"):
        assert "does not exist" in refused(experiment, UserErrorException, script=name)
    assert "is not a folder" in refused(experiment, UserErrorException, source_directory="src/loop")


def test_a_source_directory_that_is_none(experiment: Any) -> None:
    assert "'nowhere'" in refused(experiment, UserErrorException, source_directory="nowhere")


def test_a_snapshot_that_is_too_large(experiment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script("pass")
    with open("src/data.bin", "wb") as file:
        file.truncate(301 << 20)  # a hole, which takes no space on the disk
    message = refused(experiment, SnapshotException)
    assert "301.0 MB" in message
    assert "data.bin (301.0 MB)" in message
    assert "AMLFLOW_SNAPSHOT_MAX_MB" in message
    Path("src/.amlignore").write_text("*.bin\n")
    run = submit(experiment, "import os; print(os.path.exists('data.bin'))")
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "False\n"


def test_a_file_that_vanishes_while_it_is_packed(
    experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("pass")
    script("pass", "gone.py")
    collect = snapshot.collect

    def vanishing(path: Path, *own: Any) -> list[str]:
        names = collect(path, *own)
        Path("src/gone.py").unlink()
        return names

    monkeypatch.setattr(snapshot, "collect", vanishing)
    assert "'gone.py' could not be read" in refused(experiment, SnapshotException)


def test_links_that_leave_the_folder_stay_out(
    experiment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    Path("secret.txt").write_text("mine")
    Path("elsewhere").mkdir()
    Path("elsewhere/file.txt").write_text("mine, too")
    script("pass", "real.py")
    Path("src/secret.txt").symlink_to("../secret.txt")
    Path("src/elsewhere").symlink_to("../elsewhere")
    Path("src/inner.py").symlink_to("real.py")
    Path("src/nowhere").symlink_to("not-there")
    run = submit(experiment, "import os; print(sorted(os.listdir()))")
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "['inner.py', 'logs', 'outputs', 'real.py', 'script.py']\n"
    assert "elsewhere, nowhere, secret.txt" in caplog.text


def test_links_within_the_folder_are_followed(experiment: Any) -> None:
    for name in ("a/in_a.py", "b/in_b.py"):
        script("pass", name)
    Path("src/common").symlink_to("a")
    Path("src/self").symlink_to(".")
    Path("src/a/b").symlink_to("../b")
    Path("src/b/a").symlink_to("../a")  # in a circle
    assert [name for name in snapshot.collect(Path("src")) if name.startswith("common")] == [
        "common/b/in_b.py",
        "common/in_a.py",
    ]


def test_arguments_that_are_objects(experiment: Any) -> None:
    script("pass")
    message = refused(experiment, UserErrorException, arguments=["--data", {"a": 1}])
    assert "Argument 1 of the script is a dict" in message


def test_arguments_that_no_program_can_get(experiment: Any) -> None:
    script("pass")
    assert "zero byte" in refused(experiment, UserErrorException, arguments=["a\0b"])
    assert "No closing quotation" in refused(experiment, UserErrorException, arguments="--a 'b")


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_variables_that_no_system_takes(experiment: Any, name: str) -> None:
    script("pass")
    environment = Environment("e")
    environment.environment_variables = {name: "x"}
    assert repr(name) in refused(experiment, UserErrorException, environment=environment)


@pytest.mark.parametrize("command", ["", "  ", [], "echo 'open"])
def test_a_command_that_is_none(experiment: Any, command: Any) -> None:
    script("pass")
    message = refused(experiment, UserErrorException, script=None, command=command)
    assert "Neither script nor command" in message or "No closing quotation" in message


def test_a_script_that_a_rule_leaves_out(experiment: Any) -> None:
    script("pass")
    Path("src/.amlignore").write_text("*.py\n")
    assert ".amlignore" in refused(experiment, UserErrorException)


def test_no_source_directory(experiment: Any) -> None:
    assert "is not a path" in refused(experiment, UserErrorException, source_directory=None)


@pytest.mark.parametrize("setting", ["AMLFLOW_SNAPSHOT_MAX_MB", "AMLFLOW_SNAPSHOT_MAX_FILES"])
def test_a_setting_that_is_no_number(
    experiment: Any, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    script("pass")
    monkeypatch.setenv(setting, "lots")
    assert f"{setting}='lots'" in refused(experiment, SnapshotException)


def test_rules_that_are_none(experiment: Any) -> None:
    script("pass")
    Path("src/.amlignore").write_text("!\n")
    assert ".amlignore cannot be read" in refused(experiment, SnapshotException)


def test_a_name_that_an_archive_cannot_keep(experiment: Any) -> None:
    script("pass")
    with open(b"src/bad\xff.txt", "w"):
        pass
    assert "is not UTF-8" in refused(experiment, SnapshotException)


def test_a_folder_that_cannot_be_read(experiment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script("pass")
    Path("src/closed").mkdir()
    scandir = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert "'closed/' could not be read" in refused(experiment, SnapshotException)


def test_a_full_disk(experiment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script("pass")

    def full(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(snapshot, "pack", full)
    message = refused(experiment, UserErrorException)
    assert "No space left on device" in message
    assert "AMLFLOW_JOBS" in message


def test_an_interpreter_that_is_not_there(experiment: Any) -> None:
    script("pass")
    environment = Environment("e")
    environment.python.interpreter_path = "/nowhere/bin/python"
    message = refused(experiment, ComputeTargetException, environment=environment)
    assert "'/nowhere/bin/python'" in message


def test_a_snapshot_that_is_not_there(experiment: Any) -> None:
    with pytest.raises(AzureMLException, match=r"Snapshot '0+' does not exist"):
        experiment.submit(ScriptRunConfig("src", script="script.py"), snapshot_id="0" * 64)
    assert list(experiment.get_runs()) == []


@pytest.mark.parametrize("make", ["from_pip_requirements", "from_conda_specification"])
def test_a_file_of_packages_that_is_not_there(make: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        getattr(Environment, make)("e", "nowhere.txt")
