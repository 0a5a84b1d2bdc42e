"""How the processes of a work end on this machine, beside what the contract's suite tries."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from amlflow.spec import Work
from amlflow_local import tree
from amlflow_local.local import LocalCompute


def test_a_process_ends_that_has_no_readable_environment_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "members", lambda name: [])
    command = ["-c", "import signal; signal.pause()"]
    output = tmp_path / "output"
    work = Work(name="young", command=command, is_script=True, folder=tmp_path, output=output)
    started = LocalCompute({}).start(work)
    started.end(grace=0)
    ending = started.ending()
    assert ending is not None
    assert ending.code == -signal.SIGKILL
