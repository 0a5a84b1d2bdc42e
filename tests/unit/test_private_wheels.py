"""Wheels that a workspace keeps: the address of a wheel contains the hash of its content."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.core.environments.private_wheels import add_wheel, with_local_wheels
from amlflow.core.environments.registry import EXPERIMENT, Registry
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.exceptions import UserErrorException
from amlflow.spec import RunQuery, RunRecord
from amlflow.testing.memory import MemoryTracker

NAME = "tiny-1.0-py3-none-any.whl"


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryTracker:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path / "environments"))
    return MemoryTracker()


def wheel(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def runs_of(tracker: MemoryTracker) -> list[RunRecord]:
    experiment = tracker.ensure_experiment(EXPERIMENT)
    return list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))


def test_a_wheel_comes_back_by_its_address(tracker: MemoryTracker, tmp_path: Path) -> None:
    address = add_wheel(tracker, wheel(tmp_path, b"one"), exist_ok=False)
    assert address.startswith("amlflow://wheels/")
    assert address.endswith(NAME)
    for line in (address, f"tiny @ {address}"):
        [local] = with_local_wheels(tracker, [line])
        assert Path(local).read_bytes() == b"one"
        assert Path(local).name == NAME
    assert with_local_wheels(tracker, ["numpy", "--pre"]) == ("numpy", "--pre")
    assert Registry(tracker).latest() == []


def test_a_name_that_is_there(tracker: MemoryTracker, tmp_path: Path) -> None:
    first = add_wheel(tracker, wheel(tmp_path, b"one"), exist_ok=False)
    with pytest.raises(UserErrorException, match=f"has a wheel '{NAME}' already"):
        add_wheel(tracker, wheel(tmp_path, b"one"), exist_ok=False)
    assert add_wheel(tracker, wheel(tmp_path, b"one"), exist_ok=True) == first
    second = add_wheel(tracker, wheel(tmp_path, b"two"), exist_ok=True)
    contents = [Path(line).read_bytes() for line in with_local_wheels(tracker, [first, second])]
    assert contents == [b"one", b"two"]


def test_a_wheel_that_was_changed_or_deleted(tracker: MemoryTracker, tmp_path: Path) -> None:
    address = add_wheel(tracker, wheel(tmp_path, b"one"), exist_ok=False)
    [run] = runs_of(tracker)
    [name] = tracker.list_files(run.id)
    tracker.put_files(run.id, {name: wheel(tmp_path, b"evil")}, replace=True)
    with pytest.raises(EnvironmentBuildException, match="was changed"):
        with_local_wheels(tracker, [address])
    with pytest.raises(UserErrorException, match="The workspace does not have the wheel"):
        with_local_wheels(MemoryTracker(), [address])


@pytest.mark.parametrize(
    "line",
    [
        "amlflow://wheels/12/tiny-1.0-py3-none-any.whl",
        f"amlflow://wheels/{'0' * 64}/..%2F..%2Ftiny-1.0-py3-none-any.whl",
        f"amlflow://wheels/{'0' * 64}/tiny.whl",
        "amlflow://models/1",
    ],
)
def test_an_address_that_is_not_one_of_a_wheel(tracker: MemoryTracker, line: str) -> None:
    with pytest.raises(EnvironmentBuildException, match=r"is not the (address|name) of a wheel"):
        with_local_wheels(tracker, [line])


def test_a_file_that_is_not_a_wheel(tracker: MemoryTracker, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.whl"):
        add_wheel(tracker, tmp_path / "gone.whl", exist_ok=False)
    with pytest.raises(UserErrorException, match=r"'tiny\.whl' is not the name of a wheel"):
        add_wheel(tracker, wheel(tmp_path, b"", "tiny.whl"), exist_ok=False)
    assert not runs_of(tracker)


def test_an_address_in_a_file_of_pip_is_named(tracker: MemoryTracker, tmp_path: Path) -> None:
    address = f"amlflow://wheels/{'0' * 64}/{NAME}"
    (tmp_path / "r.txt").write_text(address)
    with pytest.raises(EnvironmentBuildException, match="cannot be in a requirements file"):
        plan_of(Specification(pip=("-r r.txt",), folders=(str(tmp_path),)))
