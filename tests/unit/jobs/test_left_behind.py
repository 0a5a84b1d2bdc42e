"""The next attempt of a cluster's job sends what earlier ones have logged and left on the node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import ServiceException
from amlflow.jobs.agent import left_behind
from amlflow.jobs.agent.left_behind import send_left_behind
from amlflow.jobs.job import Job, JobFolder, Target
from amlflow.journal.recovery import Recovered

JOB = Job(
    name="0" * 32, run_id="1", tracking_uri="http://tracker",
    target=Target(name="slurm", kind="slurm"), command=["x"], is_script=True, environ={},
    environment={}, agent_python=sys.executable,
)  # fmt: skip


def made(parent: Path, base: str, name: str = JOB.name, mode: int = 0o700) -> JobFolder:
    folder = JobFolder(name, parent / base)
    folder.make()
    folder.path.parent.chmod(mode)
    return folder


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of the journals that were sent."""
    folders: list[Path] = []

    def recover(folder: Path, *_: Any, **__: Any) -> Recovered:
        folders.append(folder.parents[2])
        if "refused" in str(folder):
            raise ServiceException("It is damaged.")
        if "unreadable" in str(folder):
            raise OSError("It cannot be read.")
        return Recovered()

    monkeypatch.setattr(left_behind, "recover", recover)
    return folders


def test_only_own_journals_of_the_same_job_are_sent(tmp_path: Path, sent: list[Path]) -> None:
    own = made(tmp_path, "amlflow-own")
    for base in ("1", f"{JOB.name}-2-0", "refused", "unreadable", "z"):
        made(tmp_path, f"amlflow-{base}")
    made(tmp_path, "amlflow-other-job", "1" * 32)
    made(tmp_path, "amlflow-open", mode=0o777)  # anybody may have written there
    made(tmp_path, "other")
    (tmp_path / "amlflow-link").symlink_to(tmp_path / "other")
    send_left_behind(JOB, own)
    assert sorted(path.name for path in sent) == [
        f"amlflow-{JOB.name}-2-0", "amlflow-1", "amlflow-refused", "amlflow-unreadable",
        "amlflow-z",
    ]  # fmt: skip


def test_a_folder_of_another_user(
    tmp_path: Path, sent: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = made(tmp_path, "amlflow-own")
    made(tmp_path, "amlflow-1")
    monkeypatch.setattr("os.getuid", lambda: tmp_path.stat().st_uid + 1)
    send_left_behind(JOB, own)
    assert sent == []
