"""How the count of killed processes is read from control groups of both versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.spec import memory

VERSION_1 = "9:name=systemd:/\n4:memory:/slurm/job_7\n0::/elsewhere\n"
VERSION_2 = "0::/slurm/job_7\n"


@pytest.mark.parametrize(
    ("own", "file", "content", "expected"),
    [
        (VERSION_1, "memory/slurm/job_7/memory.oom_control", "under_oom 0\noom_kill 2\n", 2),
        (VERSION_2, "slurm/job_7/memory.events", "oom 5\noom_kill 3\noom_group_kill 9\n", 3),
        (VERSION_1, "memory/slurm/job_7/memory.oom_control", "oom_kill_disable 0\n", 0),
        (VERSION_1, "elsewhere/memory.events", "oom_kill 3\n", 0),
        (VERSION_2, "slurm/job_7/memory.events", "oom_kill x\n", 0),
        (VERSION_2, "other", "", 0),
        ("", "other", "", 0),
    ],
)
def test_processes_that_were_killed_for_lack_of_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    file: str,
    content: str,
    expected: int,
) -> None:
    groups, root = tmp_path / "cgroup", tmp_path / "fs"
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(content)
    groups.write_text(own)
    monkeypatch.setattr(memory, "OWN_GROUPS", groups)
    monkeypatch.setattr(memory, "CONTROL_GROUPS", root)
    assert memory.count_oom_kills() == expected


def test_a_system_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "missing")
    assert memory.count_oom_kills() == 0
