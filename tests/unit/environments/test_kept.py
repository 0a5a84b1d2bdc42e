"""Environments on this machine: one process uses one while another process removes it."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.environments import building, kept
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.failures import failure_of
from amlflow.environments.keys import key_of
from amlflow.environments.plan import plan_of
from amlflow.environments.pythons import own_interpreter
from amlflow.environments.specification import Specification

NEEDED = Specification(pip=("no-such-package-here",))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path))
    return kept.make_folder()


def make(folder: Path, key: str = "k" * 32) -> kept.KeptEnvironment:
    """An environment that looks whole, and was used long ago."""
    (folder / key / "bin").mkdir(parents=True)
    kept.write_note(
        folder / key,
        {"python": "bin/python", "python_version": "3", "requirements": [], "packages": [],
         "warnings": []},
    )  # fmt: skip
    os.utime(folder / key / kept.NOTE, (1000, 1000))
    environment = kept.find(key, folder)
    assert environment is not None
    return environment


def test_one_that_is_taken_while_it_is_removed_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make(folder)

    def take_it(environment: kept.KeptEnvironment) -> bool:
        assert kept.note_use(environment)  # acts as another process, just after the check for users
        return False

    monkeypatch.setattr(kept, "is_used", take_it)
    assert not kept.remove(environment.key)
    assert [each.key for each in kept.list_environments()] == [environment.key]
    assert not list(folder.glob(".making-*"))


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_one_of_a_command_that_is_not_python_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    environment = make(folder)
    variables = {variable: f"{environment.path}/.pixi/envs/default"}
    process = SimpleNamespace(info={"cmdline": ["sh", "-c", "train"], "environ": variables})
    monkeypatch.setattr("psutil.process_iter", lambda _: [process])
    assert not kept.remove(environment.key)
    process.info["environ"] = {}
    assert kept.remove(environment.key)


def test_one_of_a_job_that_waits_stays(folder: Path) -> None:
    environment = make(folder)
    texts = [f'{{"python": "{environment.python}"}}']
    assert not kept.remove(environment.key, lambda: texts)
    assert kept.remove_unused(0, lambda: texts) == []
    assert kept.remove_unused(0, lambda: ['{"python": "other"}']) == [environment.key]


def test_one_that_is_removed_while_it_is_taken_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(plan_of(NEEDED), own_interpreter())
    make(folder, key)
    note_use: Callable[[kept.KeptEnvironment], bool] = kept.note_use

    def remove_it(environment: kept.KeptEnvironment) -> bool:
        assert kept.remove(environment.key)
        return note_use(environment)

    class Build:
        def __init__(self, *_: object) -> None:
            pass

        def run(self) -> kept.KeptEnvironment:
            return make(folder, key)

    monkeypatch.setattr(kept, "note_use", remove_it)
    monkeypatch.setattr(building, "_Build", Build)
    assert building.ensure(NEEDED, folder / "log").is_new


def test_prune_does_not_wait_for_a_build(folder: Path) -> None:
    (folder / ".making-one-x").mkdir()
    (folder / ".making-two-x").mkdir()
    begun, end = threading.Event(), threading.Event()

    def build() -> None:
        with kept.hold_lock("one", folder):
            begun.set()
            end.wait()

    builder = threading.Thread(target=build)
    builder.start()
    begun.wait()
    try:
        assert kept.remove_unused(0) == []
        assert [path.name for path in folder.glob(".making-*")] == [".making-one-x"]
    finally:
        end.set()
        builder.join()


def test_prune_removes_what_a_killed_conda_has_left(folder: Path) -> None:
    """conda makes an environment in its place. Nothing else in the folder is touched."""
    left, made, others = folder / ("a" * 32), folder / ("b" * 32), folder / "my folder"
    for path in (left, made, others):
        (path / "bin").mkdir(parents=True)
    with kept.hold_lock(made.name, folder):
        assert kept.remove_unused(0) == []
    assert (left.exists(), made.exists(), others.exists()) == (False, True, True)
    whole = make(folder, "c" * 32)
    assert kept.remove_unused(1e12) == []
    assert (made.exists(), whole.path.exists()) == (False, True)


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [
        "error: Failed to install: big-1.0-py3-none-any.whl (big==1.0)",
        "  Caused by: failed to copy file from `a` to `b`: No space left on device (os error 28)",
    ]
    failure = failure_of(said, "3.11.7", pinned=frozenset(), relaxing=False, older=None)
    assert failure.message.endswith("could not be made: the disk is full.")

    def make_empty(_: object, *arguments: object, **__: object) -> int:
        Path(str(arguments[-1]), "lib", "python3.11", "site-packages").mkdir(parents=True)
        Path(str(arguments[-1]), "bin").mkdir()
        return 0

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building.Uv, "run", make_empty)
    monkeypatch.setattr(building.Installer, "install", lambda *_, **__: [])
    monkeypatch.setattr(kept, "write_note", fill)
    with pytest.raises(EnvironmentBuildException, match="No space left on device"):
        building.ensure(NEEDED, folder / "log")
    assert not list(folder.glob(".making-*"))


def test_a_file_that_cannot_be_used_is_named(folder: Path) -> None:
    def message(*words: object) -> str:
        return kept.failure_of_files(
            folder, PermissionError(13, "Permission denied", *words)
        ).message

    assert "Set AMLFLOW_ENVIRONMENTS to another folder" in message(str(folder / "key" / "bin"))
    other = message("/elsewhere/a.whl")
    assert "'/elsewhere/a.whl' cannot be used: Permission denied" in other
    assert "AMLFLOW_ENVIRONMENTS" not in other


def test_the_variables_of_an_environment_name_no_other(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "pyvenv.cfg").write_text("")
    (tmp_path / "condas" / "conda-meta").mkdir(parents=True)
    environ = {"VIRTUAL_ENV": "/other", "CONDA_PREFIX": "/base", "PYTHONHOME": "/python"}
    assert building.variables_of_prefix(tmp_path / "own", environ) == {
        "VIRTUAL_ENV": str(tmp_path / "own"), "PYTHONHOME": ""
    }  # fmt: skip
    prefix = str(tmp_path / "condas")
    assert building.variables_of_prefix(tmp_path / "condas", environ) == {
        "CONDA_PREFIX": prefix, "CONDA_DEFAULT_ENV": prefix, "VIRTUAL_ENV": "", "PYTHONHOME": ""
    }  # fmt: skip
    assert building.variables_of_prefix(tmp_path, environ) == {}


@pytest.fixture
def shared(folder: Path) -> Path:
    """A folder of environments in which everybody may write."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    return shared


def test_who_may_write_in_the_folder_may_lock_there(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(shared))
    with kept.hold_lock("one", kept.make_folder()):
        pass
    assert stat.S_IMODE((shared / ".locks").stat().st_mode) == 0o777
    assert stat.S_IMODE((shared / ".locks" / "one").stat().st_mode) == 0o666


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("call", ["mkdir", "acquire"])
def test_a_folder_that_may_not_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    if call == "mkdir":
        monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(folder / "other"))
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(EnvironmentBuildException) as raised:
        building.ensure(NEEDED, io.StringIO())
    assert raised.value.message.endswith(
        ": Permission denied. Set AMLFLOW_ENVIRONMENTS to another folder."
    )


def test_a_folder_in_which_this_user_may_only_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user has locked the same key before: the lock's file is there."""
    mkdir = Path.mkdir

    def refuse_staging(path: Path, *arguments: Any, **named: Any) -> None:
        refuse() if path.name.startswith(kept.STAGING) else mkdir(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refuse_staging)
    with pytest.raises(EnvironmentBuildException) as raised:
        building.ensure(NEEDED, io.StringIO())
    assert raised.value.message.endswith(
        ": Permission denied. Set AMLFLOW_ENVIRONMENTS to another folder."
    )


def test_environments_of_others_are_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, others = make(folder, "a" * 32), make(folder, "b" * 32)
    rename = os.rename

    def rename_own(source: Path, target: Path) -> None:
        refuse() if source == others.path else rename(source, target)

    monkeypatch.setattr(kept.os, "rename", rename_own)
    with pytest.raises(EnvironmentBuildException, match="cannot be removed: Permission denied"):
        kept.remove(others.key)
    assert kept.remove_unused(0) == [own.key]
    monkeypatch.setattr(kept.os, "geteuid", lambda: os.getuid() + 1)
    assert kept.rooms_folder().name == "rooms"  # in the user's own cache
    lstat = os.lstat

    def lstat_of_another(path: Path) -> os.stat_result:
        status = list(lstat(path))
        status[stat.ST_UID] += 2
        return os.stat_result(status)

    monkeypatch.setattr(kept.os, "lstat", lstat_of_another)
    assert kept.list_environments() == []


def test_rooms_are_in_the_users_own_folder(folder: Path) -> None:
    assert kept.rooms_folder() == folder / ".rooms"
    (folder / ".rooms").mkdir()
    assert kept.rooms_folder() == folder / ".rooms"
